//! Where a judged result goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Score, Verdict};

/// The two confidence thresholds. Defaults are those of the product: 0.90 and 0.70.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingThresholds {
    /// From here on, a post that nothing else holds back is published without a person.
    pub auto_publish: Score,
    /// Below this, a result is rejected.
    pub reject: Score,
}

impl Default for RoutingThresholds {
    fn default() -> Self {
        Self { auto_publish: Score::percent(90), reject: Score::percent(70) }
    }
}

/// What the route is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// How sure the judge is.
    pub confidence: Score,
    /// Whether a topic was found on which a person always decides.
    pub sensitive: bool,
    /// Whether the text behind it carried injection markers.
    pub tainted: bool,
    /// Whether it breaks a hard rule of the persona or of the house; no person is asked to wave that through.
    pub forbidden: bool,
    /// Whether an approval would put it before the public.
    pub publishable: bool,
}

/// Why a result went where it went; the first rule that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteReason {
    /// A hard rule is broken.
    Forbidden,
    /// The confidence is below the lower threshold.
    LowConfidence,
    /// A sensitive topic: a person decides, whatever the confidence.
    Sensitive,
    /// The source carried injection markers: a person decides.
    Tainted,
    /// The confidence lies between the thresholds.
    MiddlingConfidence,
    /// Nothing holds it back.
    Confident,
}

/// A verdict with the rule it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where it goes.
    pub verdict: Verdict,
    /// Why.
    pub reason: RouteReason,
}

impl RoutingThresholds {
    /// Whether the thresholds are in order.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.reject <= self.auto_publish
    }

    /// Routes a result. Order: hard rules, then the lower threshold, then what only a person may decide, then the upper one.
    ///
    /// A sensitive post of low confidence is still a person's to see: "sensitive topics always go to a person".
    /// Results inside the DAG never ask a person; the finished post does, with all their findings.
    #[must_use]
    pub fn route(&self, evidence: Evidence) -> Route {
        use RouteReason as R;
        let (verdict, reason) = if evidence.forbidden {
            (Verdict::Reject, R::Forbidden)
        } else if evidence.publishable && evidence.sensitive {
            (Verdict::HitlQueue, R::Sensitive)
        } else if evidence.confidence < self.reject {
            (Verdict::Reject, R::LowConfidence)
        } else if !evidence.publishable {
            (Verdict::Approve, R::Confident)
        } else if evidence.tainted {
            (Verdict::HitlQueue, R::Tainted)
        } else if evidence.confidence < self.auto_publish {
            (Verdict::HitlQueue, R::MiddlingConfidence)
        } else {
            (Verdict::Approve, R::Confident)
        };
        Route { verdict, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn post(confidence: f64) -> Evidence {
        Evidence {
            confidence: Score::new(confidence).unwrap(),
            sensitive: false,
            tainted: false,
            forbidden: false,
            publishable: true,
        }
    }

    #[test]
    fn the_thresholds_themselves_count_upwards() {
        let t = RoutingThresholds::default();
        for (confidence, wanted) in [
            (1.0, Verdict::Approve),
            (0.90, Verdict::Approve),
            (0.899_999, Verdict::HitlQueue),
            (0.70, Verdict::HitlQueue),
            (0.699_999, Verdict::Reject),
            (0.0, Verdict::Reject),
        ] {
            assert_eq!(t.route(post(confidence)).verdict, wanted, "{confidence}");
        }
    }

    proptest! {
        #[test]
        fn what_only_a_person_may_decide_is_never_published_alone(c in 0.0..=1.0_f64, tainted: bool, forbidden: bool) {
            let route = RoutingThresholds::default().route(Evidence { sensitive: true, tainted, forbidden, ..post(c) });
            prop_assert_eq!(route.verdict, if forbidden { Verdict::Reject } else { Verdict::HitlQueue });
            let route = RoutingThresholds::default().route(Evidence { tainted: true, forbidden, ..post(c) });
            prop_assert!(route.verdict != Verdict::Approve);
        }

        #[test]
        fn more_confidence_never_routes_lower(a in 0.0..=1.0_f64, b in 0.0..=1.0_f64, publishable: bool) {
            let rank = |v| match v { Verdict::Reject => 0, Verdict::HitlQueue => 1, Verdict::Approve => 2 };
            let t = RoutingThresholds::default();
            let (low, high) = (a.min(b), a.max(b));
            let route = |c| rank(t.route(Evidence { publishable, ..post(c) }).verdict);
            prop_assert!(route(low) <= route(high));
        }
    }
}
