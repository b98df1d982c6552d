//! The scanner against texts on its topics and texts that only look so.

use super::*;

fn scanner() -> TopicScanner {
    TopicScanner::built_in().unwrap()
}

fn found(scanner: &TopicScanner, text: &str) -> Vec<String> {
    scanner.scan(text).into_iter().map(|hit| hit.topic).collect()
}

#[test]
fn every_topic_is_found() {
    let scanner = scanner();
    for (topic, text) in [
        ("politics", "Senators vote on the new bill"),
        ("health_advice", "How to tell whether your symptoms need a doctor"),
        ("financial_advice", "Pay down your credit card debt before you invest"),
        ("legal", "Designer sued by a former partner, court hears"),
        ("nsfw", "Star poses naked for an erotic calendar"),
        ("violence", "Bombs kill dozens in a terrorist attack"),
        ("minors", "Coach sent explicit pictures to teenagers"),
        ("self_harm", "She tried to kill herself and lived to tell"),
        ("personal_data", "Mail her at jane@example.com"),
    ] {
        assert!(found(&scanner, text).contains(&topic.to_owned()), "{text}: {:?}", scanner.scan(text));
        assert!(scanner.topics().any(|id| id == topic));
    }
}

#[test]
fn meaning_is_found_without_any_listed_word() {
    let scanner = scanner();
    for (topic, text) in [
        ("politics", "The party leader lost his seat as the opposition won a landslide"),
        ("health_advice", "Why you wake up at night and what your heart and lungs are telling you"),
    ] {
        let hits = scanner.scan(text);
        let hit = hits.iter().find(|hit| hit.topic == topic).unwrap_or_else(|| panic!("{text}: {hits:?}"));
        assert!(hit.score.get() >= 0.5);
    }
}

#[test]
fn benign_posts_pass() {
    let scanner = scanner();
    for text in [
        "Ten linen dresses for a long summer",
        "The killer heels everyone wants, and a nude lipstick to match",
        "Behind the scenes of our photo shooting in a vintage bomber jacket",
        "A lemon tart with a crisp crust",
        "Five quiet islands to visit before summer",
        "Toddlers paint the kitchen and other happy disasters",
        "The striker scored twice in the derby",
        "A new gallery shows ceramics by young artists",
        "Bath bombs, candles and other small luxuries",
    ] {
        assert_eq!(scanner.scan(text), [], "{text}");
    }
}

#[test]
fn words_count_only_where_they_mean_it() {
    let scanner = scanner();
    assert!(found(&scanner, "Dressed to kill: the best killer looks").is_empty());
    assert!(found(&scanner, "The killer was found guilty of murder").contains(&"legal".to_owned()));
    assert!(found(&scanner, "A student shared abusive, explicit photos").contains(&"minors".to_owned()));
    assert!(!found(&scanner, "Students design school bags").contains(&"minors".to_owned()));
}

#[test]
fn likely_words_count_in_a_text_that_fits_and_plain_ones_always() {
    let scanner = scanner();
    for everyday in
        ["What Melania Trump wore to the gala: a silk gown by a young designer", "Obama's favourite lemon tart recipe"]
    {
        assert_eq!(scanner.scan(everyday), [], "{everyday}");
    }
    let hits = scanner.scan("Trump signs the order");
    assert!(matches!(&hits[0].evidence, Evidence::Likely { words, .. } if words == &["Trump"]), "{hits:?}");
    assert!(hits[0].evidence.to_string().starts_with("`Trump` in a text that fits (probability 0."), "{hits:?}");
    assert!(found(&scanner, "A senator's silk gown by a young designer").contains(&"politics".to_owned()));
    let own = BTreeMap::from([("politics".to_owned(), vec!["melania".to_owned()])]);
    let strict = TopicScanner::with_topics(&own).unwrap();
    assert!(found(&strict, "What Melania wore: a silk gown").contains(&"politics".to_owned()));
}

#[test]
fn likely_words_count_where_the_classifier_did_not_read() {
    let buried = format!("{} and Obama", "lovely shoes ".repeat(5_000));
    assert_eq!(found(&scanner(), &buried), ["politics"]);
}

#[test]
fn an_operator_adds_words_and_topics() {
    let own = BTreeMap::from([
        ("rivals".to_owned(), vec!["maison noir".to_owned(), "noirwear*".to_owned()]),
        ("politics".to_owned(), vec!["district nine".to_owned()]),
    ]);
    let scanner = TopicScanner::with_topics(&own).unwrap();
    let hits = scanner.scan("Maison-Noir shows its Noirwears");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].evidence.to_string(), "`Maison-Noir`, `Noirwears`");
    assert!(hits[0].score.get() > 0.85);
    assert!(found(&scanner, "A boutique in District Nine").contains(&"politics".to_owned()));
    let yaml =
        "topics: [{id: gambling, terms: [casino, bet*], prototypes: [Win big at the tables tonight], standing: 3.0}]";
    assert!(found(&TopicScanner::with_yaml(yaml).unwrap(), "A night at the casino").contains(&"gambling".to_owned()));
}

#[test]
fn broken_rules_say_what_to_do() {
    let own = |terms: &[&str]| BTreeMap::from([("rivals".to_owned(), terms.iter().map(|t| (*t).to_owned()).collect())]);
    let error = TopicScanner::with_topics(&own(&[])).unwrap_err();
    assert!(error.to_string().ends_with("give it some words"), "{error}");
    let error = TopicScanner::with_topics(&own(&["*"])).unwrap_err();
    assert!(matches!(error, TopicError::EmptyTerm { .. }), "{error}");
    let error = TopicScanner::with_yaml("topics: [{id: a, prototypes: [x], atlas: [nowhere]}]").unwrap_err();
    assert!(matches!(error, TopicError::UnknownAtlasTopic { .. }), "{error}");
    assert!(matches!(TopicScanner::with_yaml("topics: 3"), Err(TopicError::Yaml(_))));
}

#[test]
fn odd_texts_do_no_harm() {
    let scanner = scanner();
    for text in ["", " ", "!!!", "\u{202e}", "ok", &"é ".repeat(100_000)] {
        assert_eq!(scanner.scan(text), []);
    }
    assert!(found(&scanner, "sui\u{200b}cide").contains(&"self_harm".to_owned()));
    let buried = format!("{} the senator was arrested", "lovely shoes ".repeat(5_000));
    assert!(found(&scanner, &buried).contains(&"legal".to_owned()), "words are looked for in the whole text");
}

#[test]
fn personal_data_is_not_repeated_in_the_evidence() {
    let hits = scanner().scan("Her card is 4111 1111 1111 1111");
    assert_eq!(hits[0].evidence.to_string(), "contains a payment card number");
}
