//! Amounts as Kubernetes writes them: `500m`, `1.5`, `10Gi`. Pure.
//!
//! Source: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

/// Longest text that is taken for an amount, in bytes.
const TEXT_BYTES_MAX: usize = 32;

/// How much a text stands for, or `None` when it is not an amount. Exact for what people write.
pub(crate) fn parse(text: &str) -> Option<f64> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let scale = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => f64::from(1 << 10),
        "Mi" => f64::from(1 << 20),
        "Gi" => f64::from(1 << 30),
        "Ti" => 2f64.powi(40),
        "Pi" => 2f64.powi(50),
        "Ei" => 2f64.powi(60),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            10f64.powi(digits.parse::<i8>().ok()?.into())
        }
    };
    Some(number.parse::<f64>().ok()? * scale)
}

/// Whether two texts stand for the same amount.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || matches!((parse(one), parse(other)), (Some(one), Some(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::{parse, same};

    #[test]
    fn amounts_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("1", Some(1.0)),
            ("500m", Some(0.5)),
            ("10Gi", Some(10_737_418_240.0)),
            ("1.5k", Some(1_500.0)),
            ("1e3", Some(1_000.0)),
            ("", None),
            ("Gi", None),
            ("-1", None),
            ("10GB", None),
            ("1.2.3", None),
            (" 1", None),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
        assert!(same("1", "1000m") && same("1024Mi", "1Gi") && same("abc", "abc") && !same("1G", "1Gi"));
    }
}
