//! A real model, where there is one: `CHIMERA_LOCAL_MODEL_URL` names a server that speaks chat completions, and
//! `CHIMERA_LOCAL_MODEL` its model. Small models err, so the answers are told rather than demanded; what is demanded is that
//! each question ends with an answer or in an error that says what the model did.

use std::{sync::Arc, time::Instant};

use chimera_domain::Usd;
use chimera_llm::{Answer, ItemText, MindConfig, MindError, Provider, RelevanceAsk, choose_untried};

use crate::stand_in::{Still, opinion_ask, write_ask};

fn told<T: std::fmt::Debug>(question: &str, begun: Instant, answer: Result<Answer<T>, MindError>) {
    let took = begun.elapsed();
    match answer {
        Ok(Answer { value, usage, cost, source }) => {
            println!("{question}: {took:.1?}, {usage:?}, {}: {value:#?}", source.credit());
            assert!(usage.output > 0 && cost == Usd::ZERO);
        }
        Err(error @ (MindError::Malformed { .. } | MindError::Truncated { .. })) => {
            println!("{question}: {took:.1?}, no answer: {error}");
        }
        Err(error) => panic!("{question}: {error:?}"),
    }
}

#[tokio::test]
async fn a_real_model_is_asked_all_three_questions() {
    let Ok(url) = std::env::var("CHIMERA_LOCAL_MODEL_URL") else {
        println!("SKIPPED: CHIMERA_LOCAL_MODEL_URL is not set");
        return;
    };
    let config = MindConfig {
        provider: Provider::Compatible,
        base_url: Some(url),
        fast_model: Some(std::env::var("CHIMERA_LOCAL_MODEL").unwrap_or_else(|_| "local".to_owned())),
        free: true,
        timeout_ms: 600_000,
        retries: 0,
        output_tokens_max: 600,
        ..MindConfig::default()
    };
    let mind = choose_untried(&config, &|_| None, Arc::new(Still)).unwrap().mind;
    let item = |title: &str| ItemText { title: title.to_owned(), summary: String::new() };
    let titles = ["Linen mills in Normandy struggle to meet demand", "Striker scores twice in the cup final"];
    let relevance = RelevanceAsk {
        goal: "Sustainable fashion".to_owned(),
        persona: None,
        items: titles.map(item).to_vec(),
        budget: None,
    };
    let begun = Instant::now();
    told("relevance", begun, mind.relevance(&relevance).await);
    let begun = Instant::now();
    told("write", begun, mind.write(&write_ask(None)).await);
    let begun = Instant::now();
    told("opine", begun, mind.opine(&opinion_ask()).await);
}
