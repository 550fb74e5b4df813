//! SVG as pixels.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

/// Draws a document to RGBA of this size, in pixels, over nothing. Alpha is straight.
///
/// Nothing is loaded: pictures inside are drawn where they are in the document itself. There are no
/// fonts, so that text is not drawn.
pub(crate) fn draw(document: &[u8], (width, height): (u32, u32)) -> Option<Vec<u8>> {
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_string: Box::new(|_, _| None),
            ..ImageHrefResolver::default()
        },
        ..Options::default()
    };
    let tree = Tree::from_data(document, &options).ok()?;
    let mut pixels = Pixmap::new(width, height)?;
    let size = tree.size();
    let to_size = Transform::from_scale(width as f32 / size.width(), height as f32 / size.height());
    resvg::render(&tree, to_size, &mut pixels.as_mut());
    Some(pixels.take_demultiplied())
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn shapes_are_drawn_at_any_size() {
        let document = b"<svg xmlns='http://www.w3.org/2000/svg' width='2' height='1'>\
            <rect width='1' height='1' fill='#f00'/></svg>";
        let pixels = draw(document, (4, 2)).unwrap();
        let row = [255, 0, 0, 255, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(pixels, [row, row].concat());
    }

    #[test]
    fn what_is_no_document_gives_nothing() {
        for text in ["", "<svg", "<html/>"] {
            assert_eq!(draw(text.as_bytes(), (4, 4)), None, "{text}");
        }
    }
}
