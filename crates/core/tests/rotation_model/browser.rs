//! The world of an honest browser: one cookie jar, requests under way, a server, and a copy of its state that lags.

use countersign_core::Timestamp;
use countersign_core::session::{Place, RefreshToken, State, Verdict};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::relative::{NOW, age, rebase, recede, recede_place};
use crate::rule::{Rule, login};

/// How far a search goes. Losses, delays, refreshes and time have no bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Browser {
    pub(crate) rule: Rule,
    /// The longest that a request is under way, in ticks, whatever the rule believes.
    pub(crate) flight: u64,
    /// How many requests are under way at once.
    pub(crate) in_flight: usize,
    /// How many ticks a confirmed token stays the newest.
    pub(crate) pause: u64,
    /// Whether a request may reach the server twice.
    pub(crate) twice: bool,
    /// How many ticks old the token of a copy that lags may be.
    pub(crate) lag: u64,
    /// Whether a second node may judge by the copy.
    pub(crate) stale_node: bool,
    /// Whether the copy may replace the truth, and then not again for so many ticks.
    pub(crate) crash: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    Question,
    Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Request {
    sent: Timestamp,
    stage: Stage,
    token: RefreshToken,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    truth: State,
    copy: State,
    jar: RefreshToken,
    /// Sorted, since requests have no names.
    air: Vec<Request>,
    /// The last crash, until another may follow.
    crashed: Option<Timestamp>,
    accused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    CatchUp,
    Crash,
    Judge {
        at: usize,
        stale: bool,
    },
    Lose(usize),
    /// The browser shows what is in its jar.
    Send,
    /// An answer reaches the jar.
    Store(usize),
    Tick,
    /// The connection broke and the same question goes out once more.
    Twice(usize),
}

impl World {
    fn after_login() -> Self {
        let (truth, jar) = login(NOW);
        let mut world = Self {
            truth,
            copy: truth,
            jar,
            air: Vec::new(),
            crashed: None,
            accused: false,
        };
        world.settle();
        world
    }

    fn judge(&mut self, rule: &Rule, shown: RefreshToken, stale: bool) -> Option<RefreshToken> {
        let seen = if stale { self.copy } else { self.truth };
        let verdict = rule.judge(&seen, &shown, NOW);
        // The compare-and-swap looks at depth and slot only. Who loses it reads the truth and judges again.
        let stands = (seen.place.depth, seen.place.slot) == (self.truth.place.depth, self.truth.place.slot);
        if verdict != Verdict::Repeat && !stands {
            return self.judge(rule, shown, false);
        }
        if verdict == Verdict::Reuse {
            self.accused = true;
            return None;
        }
        let next = verdict.next();
        self.truth = next.unwrap_or(self.truth);
        Some(rule.answer(&next.unwrap_or(seen), &shown, NOW))
    }

    fn tick(&mut self, bounds: &Browser) {
        self.places().for_each(recede_place);
        self.moments().for_each(recede);
        self.air.retain(|request| age(request.sent) <= bounds.flight);
        self.crashed = self
            .crashed
            .filter(|&last| bounds.crash.is_some_and(|apart| age(last) < apart));
    }

    /// Makes equal what differs in names only.
    fn settle(&mut self) {
        rebase(self.truth.place, self.places());
        self.air.sort_by_key(|Request { sent, stage, token }| {
            let place = token.place;
            (
                *sent,
                *stage,
                place.depth,
                place.slot,
                place.parent_slot,
                token.issued,
            )
        });
    }

    fn places(&mut self) -> impl Iterator<Item = &mut Place> {
        let tokens = self.air.iter_mut().map(|request| &mut request.token.place);
        tokens.chain([&mut self.jar.place, &mut self.truth.place, &mut self.copy.place])
    }

    fn moments(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let requests = self.air.iter_mut();
        requests
            .flat_map(|request| [&mut request.sent, &mut request.token.issued])
            .chain(&mut self.crashed)
            .chain([
                &mut self.jar.issued,
                &mut self.truth.confirmed_at,
                &mut self.copy.confirmed_at,
            ])
    }
}

impl Model for Browser {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::after_login()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.accused {
            return;
        }
        actions.push(Action::Tick);
        let room = world.air.len() < self.in_flight;
        if room {
            actions.push(Action::Send);
        }
        let lags = world.copy != world.truth;
        if lags {
            actions.push(Action::CatchUp);
        }
        if lags && self.crash.is_some() && world.crashed.is_none() {
            actions.push(Action::Crash);
        }
        for (at, request) in world.air.iter().enumerate() {
            actions.push(Action::Lose(at));
            if request.stage == Stage::Answer {
                actions.push(Action::Store(at));
                continue;
            }
            actions.push(Action::Judge { at, stale: false });
            if lags && self.stale_node {
                actions.push(Action::Judge { at, stale: true });
            }
            if room && self.twice {
                actions.push(Action::Twice(at));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::CatchUp => world.copy = world.truth,
            Action::Crash => {
                world.truth = world.copy;
                world.crashed = Some(NOW);
            }
            Action::Judge { at, stale } => {
                let question = world.air.remove(at);
                if let Some(token) = world.judge(&self.rule, question.token, stale) {
                    world.air.push(Request {
                        stage: Stage::Answer,
                        token,
                        ..question
                    });
                }
            }
            Action::Lose(at) => drop(world.air.remove(at)),
            Action::Send => world.air.push(Request {
                sent: NOW,
                stage: Stage::Question,
                token: world.jar,
            }),
            Action::Store(at) => world.jar = world.air.remove(at).token,
            Action::Tick => world.tick(self),
            Action::Twice(at) => world.air.push(world.air[at]),
        }
        if !self.stale_node && self.crash.is_none() {
            world.copy = world.truth;
        }
        world.settle();
        Some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        let lags = world.copy != world.truth;
        age(world.truth.confirmed_at) <= self.pause && !(lags && age(world.copy.confirmed_at) > self.lag)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "an honest browser is never accused",
            |_, world: &World| !world.accused,
        )]
    }
}

impl Browser {
    /// Searches every history within the bounds: the shortest one that ends in an accusation, if any does.
    pub(crate) fn search(self) -> Option<Vec<Action>> {
        let searched = self.checker().finish_when(HasDiscoveries::Any).spawn_bfs().join();
        println!("{} states, {self:?}", searched.unique_state_count());
        let accused = searched.discoveries().into_values().next();
        accused.map(stateright::Path::into_actions)
    }
}
