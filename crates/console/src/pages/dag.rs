//! The drawing of a DAG: where each task stands, and what it waits for.

use std::collections::HashMap;

use chimera_domain::{AgentTask, Criterion, TaskId};

use super::show;

/// Sizes, in pixels.
const NODE: (i32, i32) = (124, 40);
const GAP: (i32, i32) = (40, 10);
/// Room for the frame of a node.
const MARGIN: i32 = 1;

/// One task.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) what: &'static str,
    pub(super) standing: &'static str,
    pub(super) class: &'static str,
    /// What its result has to be, in words.
    pub(super) accepted: String,
}

/// Tasks from left to right, each right of all that it waits for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dag {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) node: (i32, i32),
    pub(super) nodes: Vec<Node>,
    /// Where each line begins and ends, and halfway between.
    pub(super) edges: Vec<[i32; 5]>,
    /// The same in words, for those who can't see it.
    pub(super) words: String,
}

impl Dag {
    pub(super) fn of(tasks: &[AgentTask]) -> Self {
        let columns = columns(tasks);
        let column = |task: &AgentTask| columns.get(&task.id).copied().unwrap_or_default();
        let mut heights: HashMap<i32, i32> = HashMap::new();
        for task in tasks {
            *heights.entry(column(task)).or_default() += 1;
        }
        let (wide, high) = (heights.keys().max().map_or(0, |c| c + 1), heights.values().copied().max().unwrap_or(0));
        // A column with few tasks stands in the middle.
        let top = |column: i32| (high - heights.get(&column).copied().unwrap_or(0)) * (NODE.1 + GAP.1) / 2;
        let mut places: HashMap<TaskId, (i32, i32)> = HashMap::new();
        let mut rows: HashMap<i32, i32> = HashMap::new();
        for task in tasks {
            let column = column(task);
            let row = rows.entry(column).or_default();
            let (x, y) = (column * (NODE.0 + GAP.0), top(column) + *row * (NODE.1 + GAP.1));
            places.insert(task.id, (MARGIN + x, MARGIN + y));
            *row += 1;
        }
        let length = |count: i32, size: i32, gap: i32| (count * (size + gap) - gap).max(0) + 2 * MARGIN;
        let place = |id: &TaskId| places.get(id).copied();
        let edges = tasks.iter().flat_map(|task| task.depends_on.iter().map(move |from| (from, &task.id)));
        let edges = edges.filter_map(|(from, to)| {
            let ((x1, y1), (x2, y2)) = place(from).zip(place(to))?;
            let (begin, end) = (x1 + NODE.0, x2);
            Some([begin, y1 + NODE.1 / 2, end, y2 + NODE.1 / 2, i32::midpoint(begin, end)])
        });
        let nodes = tasks.iter().map(|task| {
            let ((x, y), (standing, class)) = (place(&task.id).unwrap_or_default(), show::state(task.state));
            let accepted = Criterion::all_in_words(&task.payload.acceptance, task.channel);
            Node { x, y, what: show::making(task), standing, class, accepted }
        });
        let (nodes, edges): (Vec<Node>, _) = (nodes.collect(), edges.collect());
        let words: Vec<String> = nodes.iter().map(|node| format!("{} {}", node.what, node.standing)).collect();
        Self {
            width: length(wide, NODE.0, GAP.0),
            height: length(high, NODE.1, GAP.1),
            node: NODE,
            nodes,
            edges,
            words: words.join(", "),
        }
    }
}

/// The column of each task: right of everything that it waits for.
fn columns(tasks: &[AgentTask]) -> HashMap<TaskId, i32> {
    let mut columns: HashMap<TaskId, i32> = tasks.iter().map(|task| (task.id, 0)).collect();
    // As many rounds as there are tasks: more would only go round in a circle, which no plan has.
    for _ in tasks {
        for task in tasks {
            let before = task.depends_on.iter().filter_map(|id| columns.get(id)).max();
            if let Some(column) = before.map(|column| column + 1) {
                columns.insert(task.id, column);
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use chimera_domain::TaskState;
    use chimera_testkit::{SeededAmbient, fixtures};

    use super::*;

    #[test]
    fn what_waits_stands_right_of_what_it_waits_for() {
        let ambient = SeededAmbient::new(1);
        let agent = fixtures::agent(&ambient);
        let campaign = fixtures::campaign(&ambient, &agent);
        let signal = fixtures::signal(&ambient, &campaign, &agent);
        let mut tasks = fixtures::dag(&ambient, &campaign, &agent, &signal);
        tasks[0].state = TaskState::Done;
        tasks.reverse();
        let dag = Dag::of(&tasks);
        let at = |what: &str| dag.nodes.iter().find(|node| node.what == what).map(|node| (node.x, node.y)).unwrap();
        let right = MARGIN + NODE.0 + GAP.0;
        assert_eq!((at("post"), at("picture")), ((right, 1 + (NODE.1 + GAP.1) / 2), (1, 1)));
        assert_eq!(at("words"), (1, 1 + NODE.1 + GAP.1));
        assert_eq!((dag.width, dag.height), (right + NODE.0 + 1, 2 + 2 * NODE.1 + GAP.1));
        assert_eq!(dag.edges.len(), 2);
        assert_eq!(dag.words, "post planned, picture ready, words done");
        assert_eq!(Dag::of(&[]).nodes, []);
    }
}
