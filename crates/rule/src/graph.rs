//! A rule as boxes and arrows.

use serde::{Deserialize, Serialize};

use crate::rule::{Action, ActionKind, Rounds, Rule};
use crate::words;

/// A rule as boxes and arrows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleGraph))]
pub struct Graph {
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The arrows.
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleNode))]
pub struct Node {
    /// The part of the rule: `actions[0]`; `end` where it ends.
    pub id: String,
    /// `trigger`, `condition`, `action`, `choose`, `repeat`, `wait`, `stop` or `end`.
    pub kind: String,
    /// What it says.
    pub words: String,
    /// Its line.
    pub line: u32,
}

/// An arrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RuleEdge))]
pub struct Edge {
    /// From which box.
    pub from: String,
    /// To which one.
    pub to: String,
    /// When it is taken: `yes`, `no`, `again`, `done`; empty for always.
    pub label: String,
}

/// Boxes whose next box is not drawn yet, and the label of the arrow to it.
type Open = Vec<(String, &'static str)>;

/// The graph of a rule.
pub fn of(rule: &Rule) -> Graph {
    let mut graph = Graph::default();
    let mut open: Open = Vec::new();
    for trigger in &rule.triggers {
        graph.node(&trigger.spot.path, "trigger", words::trigger(trigger), trigger.spot.line);
        open.push((trigger.spot.path.to_string(), ""));
    }
    let mut held_back: Open = Vec::new();
    for condition in &rule.conditions {
        let path = condition.spot.path.to_string();
        graph.node(&path, "condition", words::condition(condition), condition.spot.line);
        graph.join(&mut open, &path);
        open.push((path.clone(), "yes"));
        held_back.push((path, "no"));
    }
    graph.chain(&rule.actions, &mut open);
    graph.node("end", "end", "the end".to_owned(), 0);
    graph.join(&mut open, "end");
    graph.join(&mut held_back, "end");
    graph
}

impl Graph {
    fn node(&mut self, id: &str, kind: &str, words: String, line: u32) {
        self.nodes.push(Node { id: id.to_owned(), kind: kind.to_owned(), words, line });
    }

    /// Draws the arrows of open boxes to a box.
    fn join(&mut self, open: &mut Open, to: &str) {
        for (from, label) in open.drain(..) {
            self.edges.push(Edge { from, to: to.to_owned(), label: label.to_owned() });
        }
    }

    fn chain(&mut self, actions: &[Action], open: &mut Open) {
        for action in actions {
            self.action(action, open);
        }
    }

    fn action(&mut self, action: &Action, open: &mut Open) {
        let (path, line) = (action.spot.path.to_string(), action.spot.line);
        match &action.kind {
            ActionKind::Choose { branches, otherwise } => {
                self.node(&path, "choose", "choose".to_owned(), line);
                self.join(open, &path);
                let mut undecided: Open = vec![(path, "")];
                for branch in branches {
                    let path = branch.spot.path.to_string();
                    self.node(&path, "condition", words::group_words(&branch.conditions), branch.spot.line);
                    self.join(&mut undecided, &path);
                    undecided.push((path.clone(), "no"));
                    let mut inner: Open = vec![(path, "yes")];
                    self.chain(&branch.actions, &mut inner);
                    open.append(&mut inner);
                }
                self.chain(otherwise, &mut undecided);
                open.append(&mut undecided);
            }
            ActionKind::Repeat { rounds, actions } => {
                let how = match rounds {
                    Rounds::Times(times) => format!("repeat {times} times"),
                    Rounds::While(conditions) => format!("repeat while {}", words::group_words(conditions)),
                    Rounds::Until(conditions) => format!("repeat until {}", words::group_words(conditions)),
                    Rounds::Each(items) => format!("repeat for each of {}", items.len()),
                };
                self.node(&path, "repeat", how, line);
                self.join(open, &path);
                let mut inner: Open = vec![(path.clone(), "again")];
                self.chain(actions, &mut inner);
                self.join(&mut inner, &path);
                open.push((path, "done"));
            }
            kind => {
                let sort = match kind {
                    ActionKind::Delay(_) | ActionKind::Wait { .. } => "wait",
                    ActionKind::Stop(_) => "stop",
                    _ => "action",
                };
                self.node(&path, sort, words::action(action), line);
                self.join(open, &path);
                open.push((path, ""));
                if sort == "stop" {
                    self.join(open, "end");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_box_is_reached_and_leads_somewhere() {
        let rule = Rule::parse(crate::text::tests::EVERYTHING).rule.unwrap();
        let graph = of(&rule);
        for edge in &graph.edges {
            for end in [&edge.from, &edge.to] {
                assert!(graph.nodes.iter().any(|node| node.id == *end), "{end}");
            }
        }
        for node in &graph.nodes {
            let (into, out) = (|edge: &&Edge| edge.to == node.id, |edge: &&Edge| edge.from == node.id);
            assert!(node.kind == "trigger" || graph.edges.iter().any(|edge| into(&edge)), "{} is reached", node.id);
            assert!(node.kind == "end" || graph.edges.iter().any(|edge| out(&edge)), "{} leads somewhere", node.id);
        }
    }

    #[test]
    fn branches_and_rounds_are_drawn() {
        let text = "\
rule: a
triggers: [{ every: 1 h }]
conditions: [{ property: a/b, is: true }]
actions:
  - choose:
      - if: [{ property: a/c, is: 1 }]
        do: [{ scene: x }]
    otherwise: [{ stop: enough }]
  - repeat: { times: 2, do: [{ delay: 1 s }] }
";
        let graph = of(&Rule::parse(text).rule.unwrap());
        let edges = graph.edges.iter().map(|edge| format!("{} -{}-> {}", edge.from, edge.label, edge.to));
        insta::assert_snapshot!(edges.collect::<Vec<_>>().join("\n"), @r###"
triggers[0] --> conditions[0]
conditions[0] -yes-> actions[0]
actions[0] --> actions[0].choose[0]
actions[0].choose[0] -yes-> actions[0].choose[0].do[0]
actions[0].choose[0] -no-> actions[0].otherwise[0]
actions[0].otherwise[0] --> end
actions[0].choose[0].do[0] --> actions[1]
actions[1] -again-> actions[1].repeat.do[0]
actions[1].repeat.do[0] --> actions[1]
actions[1] -done-> end
conditions[0] -no-> end
"###);
    }
}
