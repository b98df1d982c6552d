//! Who answers which question: models in order, each next one for when those before it can't answer.
//!
//! One that was down or busy rests for as long as it asks, or a little while; as long as it rests, who comes after it is asked
//! at once. When all rest, the one that is back first is asked.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chimera_domain::{Usd, error_chain};
use tokio::time::Instant;

use crate::{Answer, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk, Retry, WriteAsk};

/// The longest rest, whatever wait was asked for: a look now and then costs little.
const REST_MAX: Duration = Duration::from_secs(10 * 60);

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<Answer<T>, MindError>> + Send + 'a>>;

/// One model, and whether it rests.
#[derive(Debug)]
pub(crate) struct Chair {
    mind: Arc<dyn Mind>,
    rests_until: Mutex<Option<Instant>>,
}

impl Chair {
    pub(crate) fn new(mind: Arc<dyn Mind>) -> Self {
        Self { mind, rests_until: Mutex::default() }
    }

    fn rests_until(&self) -> Option<Instant> {
        let until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }

    fn rest(&self, wait: Option<Duration>) {
        let until = wait.map(|wait| Instant::now() + wait.min(REST_MAX));
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// A mind that is made of others.
#[derive(Debug)]
pub(crate) struct RoledMind {
    about: MindInfo,
    score: Vec<Arc<Chair>>,
    write: Vec<Arc<Chair>>,
    judge: Vec<Arc<Chair>>,
    ask_others_when_blocked: bool,
}

impl RoledMind {
    pub(crate) fn new(roles: [Vec<Arc<Chair>>; 3], ask_others_when_blocked: bool, note: String) -> Self {
        let [score, write, judge] = roles;
        let all = || score.iter().chain(&write).chain(&judge);
        let mut names: Vec<String> = all().map(|chair| chair.mind.about().name).collect();
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let about = MindInfo {
            name: names.join("+"),
            offline: all().all(|chair| chair.mind.about().offline),
            score: score.iter().flat_map(|chair| chair.mind.about().score).collect(),
            write: write.iter().flat_map(|chair| chair.mind.about().write).collect(),
            judge: judge.iter().flat_map(|chair| chair.mind.about().judge).collect(),
            note,
        };
        Self { about, score, write, judge, ask_others_when_blocked }
    }

    /// Asks one after another, until one answers or refuses for good.
    async fn ask<'a, T: Send>(
        &self,
        chairs: &'a [Arc<Chair>],
        budget: Option<Usd>,
        put: impl Fn(&'a dyn Mind, Option<Usd>) -> Asked<'a, T> + Send + Sync,
    ) -> Result<Answer<T>, MindError> {
        let (mut spent, mut asked, mut last) = (Usd::ZERO, 0_usize, None);
        for chair in ready(chairs) {
            asked += 1;
            let told = put(chair.mind.as_ref(), budget.map(|budget| budget.saturating_sub(spent))).await;
            let error = match told {
                Ok(mut answer) => {
                    chair.rest(None);
                    answer.cost = answer.cost.saturating_add(spent);
                    let place = chairs.iter().position(|other| Arc::ptr_eq(other, chair)).unwrap_or_default();
                    answer.source.passed_over = u32::try_from(place).unwrap_or(u32::MAX);
                    return Ok(answer);
                }
                Err(error) => error.after_spending(spent),
            };
            if let (MindError::RateLimited { .. } | MindError::Unavailable { .. }, Retry::After(wait)) =
                (&error, error.retry())
            {
                chair.rest(Some(wait));
            }
            if !self.goes_on(&error) {
                return Err(error);
            }
            if chairs.len() > 1 {
                let name = chair.mind.about().name;
                tracing::warn!(backend = name, error = %error_chain(&error), "this mind can't answer; the next is asked");
            }
            spent = error.spent();
            last = Some(error);
        }
        tracing::debug!(asked, "nobody answered");
        // Every role has somebody, or the configuration was refused.
        Err(last.unwrap_or(MindError::Config { problem: crate::ConfigProblem::Client, source: None }))
    }

    /// Whether the next may fare better, and may be asked.
    const fn goes_on(&self, error: &MindError) -> bool {
        match error {
            MindError::RateLimited { .. } | MindError::Unavailable { .. } | MindError::Malformed { .. } => true,
            MindError::Blocked { .. } => self.ask_others_when_blocked,
            // A wrong key or a limit that is too low is to be seen and mended, not covered up.
            MindError::Truncated { .. }
            | MindError::OverBudget { .. }
            | MindError::Refused { .. }
            | MindError::Config { .. } => false,
        }
    }
}

/// Those that do not rest, in order; or else the one that is back first.
fn ready(chairs: &[Arc<Chair>]) -> Vec<&Arc<Chair>> {
    let awake: Vec<&Arc<Chair>> = chairs.iter().filter(|chair| chair.rests_until().is_none()).collect();
    if awake.is_empty() { chairs.iter().min_by_key(|chair| chair.rests_until()).into_iter().collect() } else { awake }
}

#[async_trait]
impl Mind for RoledMind {
    fn about(&self) -> MindInfo {
        self.about.clone()
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        self.ask(&self.score, ask.budget, |mind, budget| {
            Box::pin(async move { mind.relevance(&RelevanceAsk { budget, ..ask.clone() }).await })
        })
        .await
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        self.ask(&self.write, ask.budget, |mind, budget| {
            Box::pin(async move { mind.write(&WriteAsk { budget, ..ask.clone() }).await })
        })
        .await
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        self.ask(&self.judge, ask.budget, |mind, budget| {
            Box::pin(async move { mind.opine(&OpinionAsk { budget, ..ask.clone() }).await })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chimera_domain::Score;

    use super::*;
    use crate::{BlockedStage, Trouble};

    type Fate = fn(Usd) -> MindError;

    /// Fails as it is told, for ever or not at all, and counts how often it is asked.
    #[derive(Debug)]
    struct Moody {
        name: &'static str,
        fate: Mutex<Option<Fate>>,
        asked: AtomicUsize,
        budgets: Mutex<Vec<Option<Usd>>>,
    }

    const SPENT: Usd = Usd::from_micros(10);

    fn down(spent: Usd) -> MindError {
        MindError::Unavailable { trouble: Trouble::Connect, spent, source: None }
    }

    fn malformed(spent: Usd) -> MindError {
        MindError::Malformed { model: "m".to_owned(), problem: "a poem".to_owned(), spent }
    }

    fn blocked(spent: Usd) -> MindError {
        MindError::Blocked { reason: "SAFETY".to_owned(), stage: BlockedStage::Answer, spent }
    }

    fn refused(spent: Usd) -> MindError {
        MindError::Refused { status: 401, said: String::new(), advice: "", spent }
    }

    impl Moody {
        fn new(name: &'static str, fate: Option<Fate>) -> Arc<Self> {
            Arc::new(Self { name, fate: Mutex::new(fate), asked: AtomicUsize::new(0), budgets: Mutex::default() })
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[async_trait]
    impl Mind for Moody {
        fn about(&self) -> MindInfo {
            MindInfo::of_one(self.name, self.name, self.name)
        }

        async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.budgets.lock().unwrap().push(ask.budget);
            match *self.fate.lock().unwrap() {
                Some(fate) => Err(fate(SPENT)),
                None => {
                    let one = Relevance { score: Score::ONE, why: self.name.to_owned() };
                    Ok(Answer::of(vec![one], SPENT, &self.about().score[0]))
                }
            }
        }

        async fn write(&self, _: &WriteAsk) -> Result<Answer<Draft>, MindError> {
            Err(refused(Usd::ZERO))
        }

        async fn opine(&self, _: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
            Err(refused(Usd::ZERO))
        }
    }

    fn roled(minds: &[&Arc<Moody>], others_when_blocked: bool) -> RoledMind {
        let chairs: Vec<Arc<Chair>> =
            minds.iter().map(|mind| Arc::new(Chair::new(Arc::clone(mind) as Arc<dyn Mind>))).collect();
        RoledMind::new([chairs.clone(), chairs.clone(), chairs], others_when_blocked, String::new())
    }

    async fn ask(mind: &RoledMind) -> Result<Answer<Vec<Relevance>>, MindError> {
        let ask =
            RelevanceAsk { goal: String::new(), persona: None, items: vec![], budget: Some(Usd::from_micros(100)) };
        mind.relevance(&ask).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_is_asked_with_what_is_left_and_the_first_rests() {
        let (first, second) = (Moody::new("first", Some(down)), Moody::new("second", None));
        let mind = roled(&[&first, &second], false);
        let answer = ask(&mind).await.unwrap();
        assert_eq!((answer.source.backend.as_str(), answer.source.passed_over), ("second", 1));
        assert_eq!(answer.cost, Usd::from_micros(20), "what the first took is counted");
        assert_eq!(*second.budgets.lock().unwrap(), [Some(Usd::from_micros(90))]);
        ask(&mind).await.unwrap();
        assert_eq!((first.asked(), second.asked()), (1, 2), "the first rests");
        tokio::time::advance(Duration::from_secs(16)).await;
        *first.fate.lock().unwrap() = None;
        assert_eq!(ask(&mind).await.unwrap().source.backend, "first");
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_rest_the_one_that_is_back_first_is_asked() {
        fn quota(spent: Usd) -> MindError {
            MindError::RateLimited { retry_after: Some(Duration::from_secs(600)), spent }
        }
        let (first, second) = (Moody::new("first", Some(quota)), Moody::new("second", Some(down)));
        let mind = roled(&[&first, &second], false);
        let error = ask(&mind).await.unwrap_err();
        assert_eq!(error.spent(), Usd::from_micros(20));
        ask(&mind).await.unwrap_err();
        assert_eq!((first.asked(), second.asked()), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_can_not_keep_to_the_form_is_passed_over_without_a_rest() {
        let (first, second) = (Moody::new("first", Some(malformed)), Moody::new("second", None));
        let mind = roled(&[&first, &second], false);
        for _ in 0..2 {
            assert_eq!(ask(&mind).await.unwrap().source.backend, "second");
        }
        assert_eq!(first.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_unless_others_may_be_asked() {
        for (fate, others, answered) in [(blocked as Fate, false, false), (blocked, true, true), (refused, true, false)]
        {
            let (first, second) = (Moody::new("first", Some(fate)), Moody::new("second", None));
            let told = ask(&roled(&[&first, &second], others)).await;
            assert_eq!((told.is_ok(), second.asked()), (answered, usize::from(answered)));
        }
    }

    #[test]
    fn it_says_who_answers_what() {
        let (first, second) = (Moody::new("first", None), Moody::new("second", None));
        let about = roled(&[&first, &second], false).about();
        assert_eq!((about.name.as_str(), about.judge.len(), about.offline), ("first+second", 2, false));
    }
}
