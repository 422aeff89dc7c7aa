//! The tree against a sorted vector, with clones that must not change.

use std::sync::Arc;

use sys::random::Rng;

use super::node::{CHILDREN_MAX, NodeView, Sum};
use super::*;

/// Elements of one leaf at most.
const RUN_MAX: usize = 6;

/// An element: its key (many elements have the same), an identity that orders those with one key, and a due time.
type Item = (u8, u64, u64);

#[derive(Clone, Debug, Default)]
struct Run(Arc<Vec<Item>>);

impl Run {
    fn items(&mut self) -> &mut Vec<Item> {
        Arc::make_mut(&mut self.0)
    }
}

impl Leaf for Run {
    type Key = u8;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn memory_bytes(&self) -> usize {
        100 + 10 * self.0.len()
    }

    fn summary(&self) -> u64 {
        self.0.iter().map(|item| item.2).min().unwrap_or(u64::MAX)
    }

    fn is_too_big(&self) -> bool {
        self.len() > RUN_MAX
    }

    fn split(&mut self, place: Place) -> (u8, Run) {
        let at = match place {
            Place::First => 1,
            Place::Middle => self.len() / 2,
            Place::Last => self.len() - 1,
        };
        self.split_off(at)
    }

    fn split_off(&mut self, index: usize) -> (u8, Run) {
        let right = self.items().split_off(index);
        (right[0].0, Run(Arc::new(right)))
    }

    fn is_too_small(&self) -> bool {
        self.len() < 3
    }

    fn merge(&mut self, next: &Run) -> bool {
        let fits = self.len() + next.len() < RUN_MAX;
        if fits {
            self.items().extend_from_slice(&next.0);
        }
        fits
    }
}

/// Every figure in the tree is right, and every rule of its shape holds.
fn check_shape(tree: &Tree<Run>) {
    fn walk(
        node: NodeView<'_, Run>,
        is_root: bool,
        low: Option<u8>,
        high: Option<u8>,
        leaves: &mut Vec<Run>,
    ) -> Sum {
        let count = node.len();
        assert!(count > 0 && count <= CHILDREN_MAX);
        assert!(node.level() == 0 || count > 1 || !is_root, "a root above leaves has several children");
        let keys = node.keys();
        assert!(keys.is_sorted());
        for i in 0..count {
            let low = if i == 0 { low } else { Some(keys[i]) };
            let high = keys.get(i + 1).copied().or(high);
            let sum = match node.level() {
                0 => {
                    let leaf = &node.leaves()[i];
                    assert!(!leaf.is_empty() && !leaf.is_too_big());
                    let bounds = |item: &Item| {
                        low.is_none_or(|low| low <= item.0) && high.is_none_or(|high| item.0 <= high)
                    };
                    assert!(leaf.0.iter().all(bounds), "{leaf:?} not in {low:?}..={high:?}");
                    leaves.push(leaf.clone());
                    Sum::of_leaf(leaf)
                }
                level => {
                    let child = node.nodes()[i].view();
                    assert_eq!(child.level(), level - 1);
                    walk(child, false, low, high, leaves)
                }
            };
            assert_eq!(node.sum_of(i), sum);
        }
        node.sum()
    }
    let Some(root) = &tree.root else { return };
    let mut leaves = Vec::new();
    let sum = walk(root.view(), true, None, None, &mut leaves);
    assert_eq!(
        (tree.len() as u64, tree.memory_bytes() as u64, tree.summary()),
        (sum.len, sum.bytes, sum.min)
    );
}

fn items(tree: &Tree<Run>) -> Vec<Item> {
    let mut all = Vec::new();
    let flow: ControlFlow<()> = tree.try_for_each_leaf(|leaf| {
        all.extend_from_slice(&leaf.0);
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    all
}

fn order(item: &Item) -> (u8, u64) {
    (item.0, item.1)
}

fn insert(tree: &mut Tree<Run>, item: Item) {
    let reaches = |leaf: &Run| order(&leaf.0[0]) <= order(&item);
    let done = tree.edit_at_key(item.0, reaches, |leaf| {
        let at = leaf.0.partition_point(|other| order(other) <= order(&item));
        leaf.items().insert(at, item);
    });
    if done.is_none() {
        tree.push_last(item.0, Run(Arc::new(vec![item])));
    }
}

/// Where the item stands, or would stand.
fn rank(tree: &Tree<Run>, item: (u8, u64)) -> usize {
    let found = tree.ranked_leaf_at_key(item.0, |leaf| order(&leaf.0[0]) <= item);
    found.map_or(0, |(start, leaf)| start + leaf.0.partition_point(|other| order(other) < item))
}

fn tree_of(items: &[Item], per_leaf: usize) -> Tree<Run> {
    Tree::from_leaves(items.chunks(per_leaf).map(|run| (run[0].0, Run(Arc::new(run.to_vec())))))
}

fn random_item(rng: &mut Rng, keys: u64, id: u64) -> Item {
    let due = if rng.below(4) == 0 { rng.below(1000) } else { u64::MAX };
    (rng.below(keys) as u8, id, due)
}

#[test]
fn empty_is_nothing() {
    assert_eq!(size_of::<Tree<Run>>(), 8);
    let mut tree: Tree<Run> = Tree::default();
    assert_eq!((tree.len(), tree.memory_bytes(), tree.summary(), tree.free_effort()), (0, 0, u64::MAX, 1));
    assert!(
        tree.is_empty() && tree.first().is_none() && tree.last().is_none() && tree.first_due(7).is_none()
    );
    assert!(tree.leaf_at_key(3, |_| true).is_none() && tree.leaf_at_index(0).is_none());
    assert!(tree.edit_at_key(3, |_| true, |_| ()).is_none() && tree.edit_at_index(0, |_, _| ()).is_none());
    assert!(tree.leaves().next().is_none() && tree.cursor(0).leaf().is_none());
    assert!(tree.remove_range(0..5).is_empty() && tree.split_off(0).is_empty());
    tree.append(Tree::new());
    tree.push_first(1, Run::default());
    assert!(Tree::from_leaves([(1, Run::default())]).is_empty() && tree.is_empty());
    insert(&mut tree, (4, 1, 9));
    tree.edit_first(|leaf| leaf.items().clear());
    assert!(tree.is_empty() && tree.memory_bytes() == 0);
}

#[test]
fn edits_equal_a_vectors_and_clones_stay() {
    let mut rng = Rng::new(1);
    for round in 0..40 {
        let keys = [1, 3, 40, 256][round % 4];
        let size = [50, 400, 3000][round % 3];
        let (mut tree, mut model): (Tree<Run>, Vec<Item>) = Default::default();
        let mut clones: Vec<(Tree<Run>, Vec<Item>)> = Vec::new();
        let mut growing = true;
        for id in 0..4000 {
            if model.len() >= size {
                growing = false;
            } else if model.len() < size / 8 {
                growing = true;
            }
            let index = rng.index(model.len() + 1);
            match rng.below(if growing { 16 } else { 8 }) {
                0 if index < model.len() => {
                    tree.edit_at_index(index, |leaf, within| leaf.items().remove(within));
                    model.remove(index);
                }
                1 | 2 if index < model.len() => {
                    let (key, id, _) = model.remove(index);
                    assert_eq!(rank(&tree, (key, id)), index);
                    let reaches = |leaf: &Run| order(&leaf.0[0]) <= (key, id);
                    let removed = tree.edit_at_key(key, reaches, |leaf| {
                        let at = leaf.0.iter().position(|item| order(item) == (key, id));
                        leaf.items().remove(at.expect("in the leaf that was found"))
                    });
                    assert!(removed.is_some());
                }
                3 if rng.below(10) == 0 => {
                    let end = index + rng.index(model.len() - index + 1);
                    let removed = tree.remove_range(index..end);
                    check_shape(&removed);
                    assert_eq!(items(&removed), model.drain(index..end).collect::<Vec<_>>());
                }
                4 if !growing && !model.is_empty() => {
                    tree.edit_last(|leaf| leaf.items().pop());
                    model.pop();
                }
                5 if !growing && !model.is_empty() => {
                    tree.edit_first(|leaf| leaf.items().remove(0));
                    model.remove(0);
                }
                6 => {
                    let limit = rng.below(1000);
                    let due = model.iter().position(|item| item.2 <= limit);
                    let found = tree.first_due(limit).map(|(start, leaf)| {
                        start
                            + leaf
                                .0
                                .iter()
                                .position(|item| item.2 <= limit)
                                .expect("the leaf's summary says so")
                    });
                    assert_eq!(found, due);
                    let edited = tree.edit_due(limit, |leaf| {
                        let at = leaf.0.iter().position(|item| item.2 <= limit);
                        leaf.items().remove(at.expect("as above"))
                    });
                    assert_eq!(edited, due.map(|at| model.remove(at)));
                }
                7 => {
                    let extra: Vec<Item> = (0..rng.below(100))
                        .map(|i| (model.last().map_or(0, |item| item.0), id << 20 | (i + 1), 7))
                        .collect();
                    model.extend_from_slice(&extra);
                    let more = tree_of(&extra, 4);
                    check_shape(&more);
                    tree.append(more);
                }
                _ => {
                    let item = random_item(&mut rng, keys, id << 20);
                    insert(&mut tree, item);
                    model.insert(model.partition_point(|other| order(other) < order(&item)), item);
                }
            }
            if rng.below(40) == 0 {
                clones.push((tree.clone(), model.clone()));
                if clones.len() > 6 {
                    clones.swap_remove(rng.index(6));
                }
            }
            if id % 16 == 0 {
                check_shape(&tree);
                assert!(items(&tree) == model, "step {id}");
            }
        }
        for (clone, then) in &clones {
            check_shape(clone);
            assert_eq!(items(clone), *then);
        }
    }
}

#[test]
fn cuts_and_joins_of_all_heights() {
    let mut rng = Rng::new(2);
    for _ in 0..600 {
        let most = [10, 100, 2000][rng.index(3)];
        let count = 1 + rng.index(most);
        let mut model: Vec<Item> = (0..count as u64).map(|id| random_item(&mut rng, 256, id)).collect();
        model.sort();
        let per_leaf = 1 + rng.index(RUN_MAX);
        let mut tree = tree_of(&model, per_leaf);
        let kept = (rng.below(2) == 0).then(|| tree.clone());
        check_shape(&tree);
        let at = rng.index(count + 1);
        let right = tree.split_off(at);
        check_shape(&tree);
        check_shape(&right);
        assert_eq!((items(&tree), items(&right)), (model[..at].to_vec(), model[at..].to_vec()));
        tree.append(right);
        check_shape(&tree);
        let (a, b) = (rng.index(count + 1), rng.index(count + 1));
        let removed = tree.remove_range(a.min(b)..a.max(b));
        check_shape(&tree);
        check_shape(&removed);
        assert_eq!(items(&removed), model[a.min(b)..a.max(b)]);
        assert_eq!(items(&tree), [&model[..a.min(b)], &model[a.max(b)..]].concat());
        if let Some(kept) = kept {
            check_shape(&kept);
            assert_eq!(items(&kept), model);
        }
    }
}

#[test]
fn leaves_at_the_ends() {
    let (mut tree, mut model) = (Tree::new(), std::collections::VecDeque::new());
    for i in 0..500u64 {
        let run = |key: u8| (0..1 + i % 5).map(|id| (key, id, i)).collect::<Vec<_>>();
        let (low, high) = (run(100 - (i / 10) as u8), run(100 + (i / 10) as u8));
        tree.push_first(low[0].0, Run(Arc::new(low.clone())));
        tree.push_last(high[0].0, Run(Arc::new(high.clone())));
        model.push_front(low);
        model.push_back(high);
        if i % 7 == 0 {
            check_shape(&tree);
        }
    }
    assert_eq!(items(&tree), model.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn one_edit_may_add_thousands() {
    let mut tree = tree_of(&[(1, 0, 5), (9, 0, 5)], 1);
    let kept = tree.clone();
    let many: Vec<Item> = (0..5000).map(|id| (4, id, 1000 + id)).collect();
    tree.edit_first(|leaf| leaf.items().extend_from_slice(&many));
    check_shape(&tree);
    assert_eq!((tree.len(), kept.len()), (5002, 2));
    assert_eq!(items(&tree)[1..5001], many);
    // All at once again.
    while tree.len() > 2 {
        tree.edit_at_index(1, |leaf, within| {
            let end = leaf.0.len().min(within + 3);
            leaf.items().drain(within..end).count()
        });
        check_shape(&tree);
    }
}

#[test]
fn walks_from_both_ends() {
    let model: Vec<Item> = (0..1000).map(|i| ((i / 4) as u8, i, u64::MAX)).collect();
    let tree = tree_of(&model, 5);
    let forwards: Vec<_> = tree.leaves().map(|(start, leaf)| (start, leaf.len())).collect();
    let mut backwards: Vec<_> = tree.leaves().rev().map(|(start, leaf)| (start, leaf.len())).collect();
    backwards.reverse();
    assert_eq!((forwards.len(), &forwards), (200, &backwards));
    assert_eq!(forwards.iter().enumerate().find(|(i, (start, len))| (*start, *len) != (i * 5, 5)), None);
    for index in [0, 1, 4, 5, 499, 995, 999, 1000] {
        let first = tree.leaves_from(index).next().map(|(start, _)| start);
        assert_eq!(first, (index < 1000).then_some(index / 5 * 5));
        let last = tree.leaves_through(index).next_back().map(|(start, _)| start);
        assert_eq!(last, Some(index.min(999) / 5 * 5));
        assert_eq!(
            tree.leaf_at_index(index).map(|(leaf, within)| leaf.0[within].1),
            (index < 1000).then_some(index as u64)
        );
    }
    let Found { leaf, start, low, high } = tree.locate(7, |_| true).expect("not empty");
    assert_eq!(
        tree.leaf_at_index(start).map(|(leaf, within)| (leaf.0[0].1, within)),
        Some((start as u64, 0))
    );
    assert!(leaf.0.iter().any(|item| item.0 == 7) && low <= 7 && high.is_some_and(|high| high > 7));
    assert_eq!(tree.bounded_leaf_at_key(255, |_| true).map(|(_, high)| high), Some(None));
}

#[test]
fn a_cursor_goes_on_in_another_thread_over_what_was() {
    let model: Vec<Item> = (0..1000).map(|i| ((i / 4) as u8, i, u64::MAX)).collect();
    let mut tree = tree_of(&model, 5);
    let mut cursor = tree.cursor(3);
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while let Some((leaf, within)) = cursor.leaf() {
            seen.push(leaf.0[within]);
            cursor.advance(1);
        }
        assert_eq!((cursor.index(), cursor.remaining()), (1000, 0));
        seen
    });
    while !tree.is_empty() {
        tree.edit_at_index(tree.len() / 2, |leaf, within| leaf.items().remove(within));
    }
    assert_eq!(reader.join().expect("no panic"), model[3..]);
}

#[test]
fn appending_fills_nodes_and_leaves() {
    let mut tree = Tree::new();
    for id in 0..10_000 {
        insert(&mut tree, ((id / 100) as u8, id, u64::MAX));
    }
    check_shape(&tree);
    let mut leaves = 0;
    let flow: ControlFlow<()> = tree.try_for_each_leaf(|_| {
        leaves += 1;
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue() && leaves <= 10_000 / RUN_MAX + 1, "{leaves} leaves");
}
