//! HTML by hand: escaping, and a page with places to fill.

/// Text as it may stand between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A template with each `{{name}}` replaced by its value; a name without a value becomes nothing.
/// Values are not looked at again.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let sizes = values.iter().map(|(_, value)| value.len());
    let mut page = String::with_capacity(template.len() + sizes.sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        let value = values.iter().find(|(key, _)| *key == name);
        page.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_html_is_escaped() {
        assert_eq!(
            escape("a<b & 'c' > \"d\""),
            "a&lt;b &amp; &#39;c&#39; &gt; &quot;d&quot;"
        );
    }

    #[test]
    fn places_are_filled_once() {
        let values = [("a", "{{b}}"), ("b", "2")];
        assert_eq!(fill("<{{a}}|{{b}}|{{c}}>", &values), "<{{b}}|2|>");
        assert_eq!(fill("x {{a", &[]), "x ");
    }
}
