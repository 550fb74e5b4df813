//! A summary as JSON, for machines.

use serde_json::{Map, Value, json};

use super::{Measured, Metric, Row, Side, Spread, Summary, Verdict};

impl Verdict {
    /// The word for it in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::WithinNoise => "within_noise",
            Self::Undecided => "undecided",
        }
    }
}

impl Summary {
    /// Everything but the pictures: conditions, both sides with every run and its curve, and every
    /// figure with medians, spreads and ratio. Times are in milliseconds.
    pub fn to_json(&self) -> Value {
        let conditions = &self.conditions;
        let rows = self
            .rows
            .iter()
            .map(|row| (row.metric.key().to_owned(), of_row(row)));
        json!({
            "conditions": {
                "profile": conditions.profile,
                "link": conditions.link,
                "browser": conditions.browser,
                "congestion_control": conditions.congestion_control,
                "load_average": [conditions.load_average.0, conditions.load_average.1],
                "notes": conditions.notes,
            },
            "without": of_side(&self.without),
            "with": of_side(&self.with),
            "metrics": rows.collect::<Map<String, Value>>(),
        })
    }
}

fn of_row(row: &Row) -> Value {
    json!({
        "without": row.without.as_ref().map(of_spread),
        "with": row.with.as_ref().map(of_spread),
        "ratio": row.ratio,
        "difference": row.difference.map(|apart| json!({
            "change": apart.change, "spread": apart.spread, "amount": apart.amount,
            "pairs": apart.pairs,
        })),
        "verdict": row.verdict.word(),
    })
}

fn of_spread(spread: &Spread) -> Value {
    json!({
        "median": spread.median,
        "min": spread.min,
        "max": spread.max,
        "runs": spread.runs,
    })
}

fn of_side(side: &Side) -> Value {
    let features = side.features.iter();
    let features = features.map(|(name, value)| (name.clone(), Value::from(value.clone())));
    json!({
        "name": side.name,
        "url": side.url,
        "features": features.collect::<Map<String, Value>>(),
        "median_run": side.median_run,
        "runs": side.runs.iter().map(of_run).collect::<Vec<Value>>(),
    })
}

fn of_run(run: &Measured) -> Value {
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    let metrics = Metric::ALL.iter();
    let metrics = metrics.map(|metric| (metric.key().to_owned(), json!(metric.of(run))));
    let points = run.points.iter();
    let points =
        points.map(|point| json!([milliseconds(point.at), point.histogram, point.similarity]));
    let previews = run.previews.iter();
    json!({
        "metrics": metrics.collect::<Map<String, Value>>(),
        "progress": points.collect::<Vec<Value>>(),
        "previews": previews.map(|time| json!(time.map(milliseconds))).collect::<Vec<Value>>(),
    })
}
