//! The names in a bucket, from the XML of a listing (`ListObjectsV2`). Only what is needed of it is
//! read; what is not understood is passed over.

/// A page of names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Each with its entity tag.
    pub names: Vec<(String, String)>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Reads a page of at most `most` names; `None` if it is no listing.
pub fn read(text: &str, most: usize) -> Option<Names> {
    let (_, mut rest) = text.split_once("<ListBucketResult")?;
    let mut page = Names {
        next: element(rest, "NextContinuationToken").and_then(plain),
        ..Names::default()
    };
    while page.names.len() < most
        && let Some((_, after)) = rest.split_once("<Contents>")
    {
        let (object, after) = after.split_once("</Contents>")?;
        rest = after;
        let name = element(object, "Key").and_then(plain)?;
        let tag = element(object, "ETag").and_then(plain)?;
        page.names.push((name, tag));
    }
    Some(page)
}

/// What is inside the first element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(inside, _)| inside)
}

/// The text that is written so in XML (§4.1, §4.6).
fn plain(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = after.split_once(';')?;
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => {
                let number = other.strip_prefix('#')?;
                let number = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(number)?
            }
        });
        rest = after;
    }
    plain.push_str(rest);
    (!plain.contains('<')).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let text = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><Name>b</Name>\
                    <NextContinuationToken>a&amp;b</NextContinuationToken>\
                    <Contents><Key>one</Key><Size>1</Size><ETag>&quot;1&quot;</ETag></Contents>\
                    <Contents><ETag>\"2\"</ETag><Key>tw&#111;&#x2f;</Key></Contents>\
                    </ListBucketResult>";
        let expected = Names {
            names: vec![
                ("one".into(), "\"1\"".into()),
                ("two/".into(), "\"2\"".into()),
            ],
            next: Some("a&b".into()),
        };
        assert_eq!(read(text, 10), Some(expected));
        assert_eq!(read(text, 1).unwrap().names.len(), 1);
        let none = read("<ListBucketResult></ListBucketResult>", 10);
        assert_eq!(none, Some(Names::default()));
    }

    #[test]
    fn what_is_no_listing_is_none() {
        for wrong in [
            "",
            "<Error><Code>NoSuchBucket</Code></Error>",
            "<ListBucketResult><Contents><Key>a</Key>",
            "<ListBucketResult><Contents><Key>a</Key></Contents>",
            "<ListBucketResult><Contents><Key>&nope;</Key><ETag>1</ETag></Contents>",
            "<ListBucketResult><Contents><Key>&#xffffffff;</Key><ETag>1</ETag></Contents>",
        ] {
            assert_eq!(read(wrong, 10), None, "{wrong}");
        }
    }
}
