//! A scene as PNG, marked as machine-made inside the file too.

use super::error::StudioError;
use super::scene::Scene;

/// The IPTC term for media made purely by an algorithm, without training data: what this studio does.
/// <http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia>
const SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia";

/// A finished picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) png: Vec<u8>,
    /// Pixels.
    pub(super) width: u32,
    /// Pixels.
    pub(super) height: u32,
}

/// Draws `scene` at one pixel per unit and encodes it.
///
/// # Errors
/// [`StudioError::Surface`] or [`StudioError::Png`], both only when memory runs out.
pub(super) fn picture(scene: &Scene, title: &str) -> Result<Picture, StudioError> {
    let (width, height) = scene.pixels(1.0);
    let pixmap = scene.draw(1.0).ok_or(StudioError::Surface { width, height })?;
    let mut png = Vec::with_capacity(256 * 1024);
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder.add_itxt_chunk("Title".into(), title.into()).map_err(StudioError::Png)?;
    encoder.add_itxt_chunk("Software".into(), "Chimera studio".into()).map_err(StudioError::Png)?;
    encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), xmp(title)).map_err(StudioError::Png)?;
    let mut writer = encoder.write_header().map_err(StudioError::Png)?;
    // The scene covers every pixel opaquely, so premultiplied and plain colours are the same bytes.
    writer.write_image_data(pixmap.data()).map_err(StudioError::Png)?;
    writer.finish().map_err(StudioError::Png)?;
    Ok(Picture { png, width, height })
}

/// The XMP packet that says how the picture came about, as IPTC's photo metadata standard asks.
fn xmp(title: &str) -> String {
    let title = quick_xml::escape::escape(title);
    format!(
        concat!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">",
            "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">",
            "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" ",
            "xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">",
            "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:title>",
            "<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>",
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
        ),
        title, SOURCE_TYPE
    )
}
