//! Relevance against human labels, over goals on many subjects.

use std::time::Instant;

use chimera_domain::Score;
use chimera_llm::{Embedder, Goal, RelevanceScorer};

use crate::headlines::{Headline, read};

/// Label, goal, and the least AUC and F1 at 0.75 (a little below what was measured, so that a slip is seen).
const GOALS: &[(&[&str], &str, f64, f64)] = &[
    (
        &["STYLE & BEAUTY"],
        "Find fresh fashion and beauty stories: new collections, street style, designers, runway, makeup and sustainable \
         clothing",
        0.97,
        0.53,
    ),
    (&["STYLE & BEAUTY"], "Fashion influencer covering outfits, beauty products and trends", 0.97, 0.53),
    (&["SPORTS"], "Keep sports fans up to date with match results, players and teams", 0.94, 0.50),
    (
        &["FOOD & DRINK"],
        "Share food and drink stories: recipes, restaurants, cooking tips, baking and cocktails",
        0.94,
        0.58,
    ),
    (&["PARENTING"], "Parenting tips and funny moments for moms and dads", 0.93, 0.38),
    (&["TRAVEL"], "Inspire travellers: destinations, hotels, flights, beaches and road trips", 0.94, 0.08),
    (
        &["WELLNESS"],
        "Wellness and healthy living: mental health, sleep, fitness, nutrition and medical advice",
        0.92,
        0.40,
    ),
    (&["TECH"], "Technology news: smartphones, apps, social media companies and gadgets", 0.92, 0.18),
    (&["ENVIRONMENT", "SCIENCE"], "Climate change, nature, wildlife, conservation and science discoveries", 0.90, 0.33),
    (&["POLITICS"], "US politics: Congress, the president, elections, senators and policy", 0.82, 0.58),
    (&["ENTERTAINMENT"], "Entertainment and celebrity news: movies, TV shows, music, actors and awards", 0.85, 0.38),
];

struct Figures {
    auc: f64,
    precision: f64,
    recall: f64,
    f1: f64,
}

fn figures(scored: &[(Score, bool)]) -> Figures {
    let threshold = Score::percent(75);
    let count = |test: &dyn Fn(&(Score, bool)) -> bool| scored.iter().filter(|pair| test(pair)).count() as f64;
    let hits = count(&|(score, label)| *score >= threshold && *label);
    let (taken, wanted) = (count(&|(score, _)| *score >= threshold), count(&|(_, label)| *label));
    let mut order = scored.to_vec();
    order.sort_by_key(|(score, _)| *score);
    // Area under the ROC curve by the rank sum of Mann and Whitney.
    let ranks: f64 = order.iter().zip(1..).filter(|((_, label), _)| *label).map(|(_, rank)| f64::from(rank)).sum();
    let auc = (ranks - wanted * (wanted + 1.0) / 2.0) / (wanted * (scored.len() as f64 - wanted));
    Figures { auc, precision: hits / taken.max(1.0), recall: hits / wanted.max(1.0), f1: 2.0 * hits / (taken + wanted) }
}

#[test]
fn relevance_holds_its_figures() {
    let Some(headlines) = read() else { return };
    let count = headlines.len() as f64;
    let began = Instant::now();
    let texts: Vec<String> = headlines.iter().map(Headline::text).collect();
    let embeddings = Embedder::shared().unwrap().embed_batch(&texts);
    println!("{:.0} embeddings/s", count / began.elapsed().as_secs_f64());
    for (labels, goal, auc_min, f1_min) in GOALS {
        let scorer = RelevanceScorer::new(&Goal::new(*goal)).unwrap();
        let began = Instant::now();
        let scores = scorer.score_embeddings(&embeddings);
        let speed = count / began.elapsed().as_secs_f64();
        let labelled = headlines.iter().map(|item| labels.contains(&item.category.as_str()));
        let found = figures(&scores.into_iter().zip(labelled).collect::<Vec<_>>());
        println!(
            "{:<24} AUC {:.3}  P {:.2} R {:.2} F1 {:.2} at 0.75  {speed:.0} ready embeddings/s",
            labels.join("+"),
            found.auc,
            found.precision,
            found.recall,
            found.f1
        );
        assert!(found.auc >= *auc_min, "{goal}: AUC {:.3}", found.auc);
        assert!(found.f1 >= *f1_min, "{goal}: F1 {:.3}", found.f1);
    }
}

#[test]
fn a_planner_keeps_up_with_its_feeds() {
    let Some(headlines) = read() else { return };
    let scorer = RelevanceScorer::new(&Goal::new(GOALS[0].1)).unwrap();
    let began = Instant::now();
    let reasons: Vec<_> = headlines.iter().map(|item| scorer.score(&item.headline, &item.short_description)).collect();
    let speed = headlines.len() as f64 / began.elapsed().as_secs_f64();
    println!("{speed:.0} signals/s, each with its reason");
    assert!(reasons.iter().all(|relevance| relevance.why.lines().count() == 1));
    assert!(speed > 200.0, "{speed:.0} signals/s, too few even for an unoptimised build on a busy machine");
}
