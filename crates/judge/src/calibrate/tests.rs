//! Which answers teach, and what follows.

use chimera_domain::{Ambient as _, JudgeDecision, SensitiveTopic, TaskType, policy::calibration::CalibrationMethod};
use chimera_testkit::{SeededAmbient, fixtures};

use super::*;

const MIND: &str = "scripted-1 (opine.v1)";

/// The judge's decision behind a question to a person, of this raw confidence.
fn judged(ambient: &SeededAmbient, raw: f64) -> JudgeDecision {
    let agent = fixtures::agent(ambient);
    let campaign = fixtures::campaign(ambient, &agent);
    let signal = fixtures::signal(ambient, &campaign, &agent);
    let task = fixtures::task(ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![]);
    JudgeDecision {
        confidence: Score::percent(1),
        raw_confidence: Some(Score::clamped(raw)),
        opinion_of: Some(MIND.to_owned()),
        safety_flags: vec![],
        sensitive_topics: vec![],
        ..fixtures::decision(ambient, &task, &fixtures::artifact(ambient, &task), Verdict::HitlQueue)
    }
}

struct Desk {
    ambient: SeededAmbient,
    decision: JudgeDecision,
    campaigns: [CampaignId; 2],
    dice: u64,
}

impl Desk {
    fn new() -> Self {
        let ambient = SeededAmbient::new(5);
        let decision = judged(&ambient, 0.8);
        let campaigns = [(); 2].map(|()| CampaignId::generate(&ambient));
        Self { decision, campaigns, ambient, dice: 3 }
    }

    fn answer(&self, campaign: usize, raw: f64, approved: bool) -> Reviewed {
        let judged = JudgeDecision { raw_confidence: Some(Score::clamped(raw)), ..self.decision.clone() };
        Reviewed { campaign_id: self.campaigns[campaign], judged, approved, edited: false }
    }

    fn roll(&mut self) -> f64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.dice >> 33).unwrap()) / f64::from(1_u32 << 31)
    }

    /// Answers of people who let a post through as often as `truth` says.
    fn answers(&mut self, campaign: usize, count: usize, truth: fn(f64) -> f64) -> Vec<Reviewed> {
        let one = |_| {
            let raw = self.roll();
            let approved = self.roll() < truth(raw);
            self.answer(campaign, raw, approved)
        };
        (0..count).map(one).collect()
    }
}

#[test]
fn only_what_says_something_of_the_post_teaches() {
    let desk = Desk::new();
    let plain = desk.answer(0, 0.8, true);
    let topic = SensitiveTopic { topic: "politics".to_owned(), score: Score::ONE, evidence: "minister".to_owned() };
    let with = |change: &dyn Fn(&mut Reviewed)| {
        let mut review = plain.clone();
        change(&mut review);
        review
    };
    let sensitive = with(&|r| r.judged.sensitive_topics = vec![topic.clone()]);
    let tainted = with(&|r| r.judged.safety_flags = vec!["tainted_source".to_owned()]);
    let unjudged = with(&|r| r.judged.opinion_of = None);
    let other = with(&|r| r.judged.opinion_of = Some("scripted-2".to_owned()));
    let uncalibrated = with(&|r| r.judged.raw_confidence = None);
    let edited = with(&|r| r.edited = true);
    let rejected = desk.answer(1, 0.7, false);
    let all = [sensitive.clone(), plain, edited, tainted, rejected, unjudged, other, uncalibrated, sensitive];
    let lessons = Lessons::of(&all);
    assert_eq!(lessons.opinion_of.as_deref(), Some(MIND));
    assert_eq!(lessons.left_out, LeftOut { sensitive: 2, flagged: 2, other_opinion: 1 });
    let [first, second] = desk.campaigns;
    let example = |campaign, score, positive| (campaign, Example { score: Score::clamped(score), positive });
    assert_eq!(
        lessons.examples,
        // What goes out in other words was not fit to go out as it was.
        [
            example(first, 0.8, true),
            example(first, 0.8, false),
            example(second, 0.7, false),
            example(first, 0.01, true)
        ]
    );
    assert_eq!(Lessons::of(&[]), Lessons::default());
}

#[test]
fn cold_start_is_said() {
    let desk = Desk::new();
    let lessons = Lessons::of(&(0..19).map(|at| desk.answer(0, 0.8, at % 2 == 0)).collect::<Vec<_>>());
    let fits = fitted(&lessons);
    assert_eq!(fits.len(), 2);
    for one in &fits {
        assert!(!one.used && one.calibration(MIND, desk.ambient.now()).is_none());
        assert!(one.fit.as_ref().unwrap_err().to_string().contains("19 examples"));
    }
    assert!(!fitted(&Lessons::default())[0].used);
}

#[test]
fn a_campaign_has_a_map_of_its_own_where_its_people_see_it_otherwise() {
    let mut desk = Desk::new();
    let strict: fn(f64) -> f64 = |raw| raw * raw * raw;
    let lenient: fn(f64) -> f64 = |raw| 1.0 - (1.0 - raw) * (1.0 - raw);
    let mut answers = desk.answers(0, 400, strict);
    answers.extend(desk.answers(1, 90, lenient));
    let fits = fitted(&Lessons::of(&answers));
    let told: Vec<_> = fits.iter().map(|one| (one.campaign, one.examples.len(), one.used)).collect();
    let [first, second] = desk.campaigns.map(Some);
    // It differs, but of the second there are too few.
    assert_eq!(told[0], (None, 490, true));
    assert_eq!(told[2], (second, 90, false));
    assert_eq!((told[1].0, told[1].1), (first, 400));
    answers.extend(desk.answers(1, 300, lenient));
    let lessons = Lessons::of(&answers);
    let fits = fitted(&lessons);
    assert!(fits.iter().all(|one| one.used), "both differ from what they are together");
    let now = desk.ambient.now();
    let maps: Maps = fits.iter().filter_map(|one| Some((one.campaign, one.calibration(MIND, now)?))).collect();
    let at = |of: Option<CampaignId>| maps[&of].map.apply(Score::percent(50)).get();
    assert!(at(first) < 0.25 && at(second) > 0.6 && (0.25..0.6).contains(&at(None)), "{maps:?}");
    let by_hand: Vec<Score> = lessons.examples.iter().map(|(of, one)| maps[&Some(*of)].map.apply(one.score)).collect();
    assert_eq!(mapped(&lessons, &maps).iter().map(|one| one.score).collect::<Vec<_>>(), by_hand);
    let only_shared: Maps = maps.iter().filter(|(of, _)| of.is_none()).map(|(of, map)| (*of, map.clone())).collect();
    assert_eq!(mapped(&lessons, &only_shared)[0].score, only_shared[&None].map.apply(lessons.examples[0].1.score));
    assert_eq!(mapped(&lessons, &Maps::new())[0], lessons.examples[0].1);
}

#[test]
fn what_goes_where_is_counted() {
    let example = |score, positive| Example { score: Score::clamped(score), positive };
    let examples = [
        example(0.6999, true),
        example(0.5, false),
        example(0.70, true),
        example(0.8999, false),
        example(0.90, true),
        example(1.0, false),
    ];
    let wanted = Routed { published: 2, published_wrong: 1, asked: 2, rejected: 2, rejected_wrong: 1 };
    assert_eq!(Routed::by(&RoutingThresholds::default(), &examples), wanted);
}

#[test]
fn a_map_says_what_it_was_fitted_to() {
    let mut desk = Desk::new();
    let lessons = Lessons::of(&desk.answers(0, 300, |raw| 0.9 * raw));
    let now = desk.ambient.now();
    let fits = fitted(&lessons);
    let map = fits[0].calibration(MIND, now).unwrap();
    assert_eq!((map.examples, map.model.as_str(), map.fitted_at), (300, MIND, now));
    assert!(map.is_for(MIND) && !map.is_for("scripted-1"));
    assert_ne!(map.method, CalibrationMethod::Identity);
    assert!(map.error_after < map.error_before);
    let lowest = fits[0].examples.iter().map(|one| one.score).min().unwrap();
    assert_eq!(map.map.apply(Score::ZERO), Score::ZERO, "below {lowest} nobody decided anything");
}
