//! What comes through the sieve, and what does not.

use super::*;

fn xml(text: &str) -> String {
    sift(text).unwrap().xml
}

#[test]
fn only_known_elements_come_through_in_one_shape() {
    let sifted =
        xml("<RSS version='9'><x:junk xmlns:x='urn:x'><item><title>no</title></item></x:junk><channel><ttl>5</ttl>\
        <item a='b'><author>x@y</author><title>yes</title><source><title>no</title></source></item></channel></RSS>");
    assert!(sifted.ends_with("><channel><item><title>yes</title></item></channel></rss>"), "{sifted}");
}

#[test]
fn prefixes_do_not_matter_and_foreign_words_do_not_count() {
    let sifted = xml("<f:feed xmlns:f='http://www.w3.org/2005/Atom' xmlns:y='urn:y'><f:entry><y:title>no</y:title>\
        <f:title>yes</f:title><f:link href='u' rel='self'/></f:entry></f:feed>");
    assert!(sifted.contains("<entry><title>yes</title><link href=\"u\" rel=\"self\"></link></entry>"), "{sifted}");
}

#[test]
fn a_fallback_stands_only_without_the_real_thing() {
    let item = |inner: &str| {
        let text =
            format!("<rss xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><item>{inner}</item></channel></rss>");
        xml(&text).split_once("<item>").unwrap().1.replace("</item></channel></rss>", "")
    };
    assert_eq!(item("<dc:date>1</dc:date>"), "<updated>1</updated>");
    assert_eq!(item("<updated>2</updated><dc:date>1</dc:date>"), "<updated>2</updated>");
    // The later one wins in the parser.
    assert_eq!(item("<dc:date>1</dc:date><updated>2</updated>"), "<updated>1</updated><updated>2</updated>");
    assert_eq!(item("<title> </title><dc:title>t</dc:title>"), "<title>t</title>");
}

#[test]
fn markup_inside_of_text_stays_readable() {
    let sifted = xml("<feed xmlns='http://www.w3.org/2005/Atom'><title>1 &lt; 2 <b>&lt;i&gt;</b></title></feed>");
    assert!(
        sifted.contains("<title type=\"html\">1 &amp;lt; 2 &lt;b&gt;&amp;lt;i&amp;gt;&lt;/b&gt;</title>"),
        "{sifted}"
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = "<a>".repeat(DEPTH_MAX);
    assert!(matches!(sift(&format!("<rss>{deep}")), Err(Found::Hostile { .. })));
    let fine = format!(
        "<rss><channel><item><title>x{}{}</title></item></channel></rss>",
        "<b>".repeat(200),
        "</b>".repeat(200)
    );
    assert!(sift(&fine).is_ok());
}

#[test]
fn damage_is_placed() {
    let Err(Found::Damaged { line, why }) = sift("<rss>\n<channel>\n</chanel>") else { panic!("damage not seen") };
    assert_eq!(line, 3);
    assert!(!why.is_empty());
}
