//! The world of a thief who copied the refresh token and both cookies once, and shows what it has when it likes.

use std::cmp::Reverse;

use countersign_core::Timestamp;
use countersign_core::session::{Place, RefreshToken, State, Verdict};
use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use crate::large;
use crate::relative::{NOW, age, ago, rebase, recede, recede_place};
use crate::rule::{Rule, login};

/// How far a search goes, and what it is to show. Uses take no time here, and time has no bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theft {
    rule: Rule,
    /// How many ticks a confirmed token stays the newest; no token lives twice as long.
    pause: u64,
    /// How many tokens the thief keeps: the newest.
    loot: usize,
    /// Whether answers to the owner may be lost.
    lossy: bool,
    /// How many refreshes of the owner the thief is claimed to survive without a meeting.
    survives: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Owner,
    Thief,
}

/// A *meeting* is a use by one within G of a use by the other. A *refresh* of the owner is an answer that arrived,
/// G or more after the one before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    state: State,
    jar: RefreshToken,
    /// Empty until the theft.
    loot: Vec<RefreshToken>,
    owner_used: Timestamp,
    owner_refreshed: Timestamp,
    thief_used: Timestamp,
    /// The refreshes since the last meeting, or since the theft,
    refreshes: u8,
    /// and how many there were when the thief last got an answer.
    survived: u8,
    noticed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Owner { lost: bool },
    Steal,
    Thief(usize),
    Tick,
}

impl World {
    fn after_login() -> Self {
        let (state, jar) = login(NOW);
        Self {
            state,
            jar,
            loot: Vec::new(),
            owner_used: NOW,
            owner_refreshed: NOW,
            thief_used: ago(100),
            refreshes: 0,
            survived: 0,
            noticed: false,
        }
    }

    fn show(&mut self, rule: &Rule, shown: RefreshToken, who: Who) -> Option<RefreshToken> {
        let verdict = rule.judge(&self.state, &shown, NOW);
        if verdict == Verdict::Reuse {
            self.noticed = true;
            return None;
        }
        let (mine, theirs) = match who {
            Who::Owner => (&mut self.owner_used, self.thief_used),
            Who::Thief => (&mut self.thief_used, self.owner_used),
        };
        *mine = NOW;
        if NOW.since(theirs) < rule.grace() {
            self.refreshes = 0;
        }
        self.state = verdict.next().unwrap_or(self.state);
        Some(rule.answer(&self.state, &shown, NOW))
    }

    fn owner(&mut self, rule: &Rule, lost: bool) {
        let Some(answer) = self.show(rule, self.jar, Who::Owner).filter(|_| !lost) else {
            return;
        };
        self.jar = answer;
        let apart = |from| NOW.since(from) >= rule.grace();
        if apart(self.owner_refreshed) {
            self.owner_refreshed = NOW;
            self.refreshes += u8::from(apart(self.thief_used) && !self.loot.is_empty());
        }
    }

    fn thief(&mut self, rule: &Rule, at: usize) {
        if let Some(answer) = self.show(rule, self.loot[at], Who::Thief) {
            self.loot.push(answer);
            self.survived = self.refreshes;
        }
    }

    /// Makes equal what differs in names only, or in how long ago it was once that is longer than G.
    fn settle(&mut self, bounds: &Theft) {
        rebase(self.state.place, self.places());
        let long_ago = ago(bounds.rule.grace().as_secs());
        for used in [
            &mut self.owner_used,
            &mut self.owner_refreshed,
            &mut self.thief_used,
        ] {
            *used = long_ago.max(*used);
        }
        self.loot.sort_by_key(|token| {
            let place = token.place;
            (Reverse(token.issued), place.depth, place.slot, place.parent_slot)
        });
        self.loot.dedup();
        self.loot.truncate(bounds.loot);
    }

    fn places(&mut self) -> impl Iterator<Item = &mut Place> {
        let tokens = self.loot.iter_mut().map(|token| &mut token.place);
        tokens.chain([&mut self.jar.place, &mut self.state.place])
    }

    fn moments(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let tokens = self.loot.iter_mut().map(|token| &mut token.issued);
        tokens.chain([
            &mut self.jar.issued,
            &mut self.state.confirmed_at,
            &mut self.owner_used,
            &mut self.owner_refreshed,
            &mut self.thief_used,
        ])
    }
}

impl Model for Theft {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = World::after_login();
        world.settle(self);
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.noticed {
            return;
        }
        actions.extend([Action::Tick, Action::Owner { lost: false }]);
        if self.lossy {
            actions.push(Action::Owner { lost: true });
        }
        if world.loot.is_empty() {
            actions.push(Action::Steal);
        }
        actions.extend((0..world.loot.len()).map(Action::Thief));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Owner { lost } => world.owner(&self.rule, lost),
            Action::Steal => world.loot.push(world.jar),
            Action::Thief(at) => world.thief(&self.rule, at),
            Action::Tick => {
                world.places().for_each(recede_place);
                world.moments().for_each(recede);
            }
        }
        world.settle(self);
        Some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        let mut tokens = world.loot.iter().chain([&world.jar]);
        age(world.state.confirmed_at) <= self.pause
            && tokens.all(|token| age(token.issued) <= 2 * self.pause)
            && world.refreshes <= self.survives + 1
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "a thief who does not meet the owner is noticed",
            |theft: &Self, world: &World| world.survived <= theft.survives,
        )]
    }
}

impl Theft {
    /// Searches every history within the bounds: the shortest in which the thief survives longer, if there is one.
    pub(crate) fn search(self) -> Option<Vec<Action>> {
        let searched = self.checker().finish_when(HasDiscoveries::Any).spawn_bfs().join();
        println!("{} states, {self:?}", searched.unique_state_count());
        let survived = searched.discoveries().into_values().next();
        survived.map(Path::into_actions)
    }
}

/// F = 1 tick, G = 3; a thief who keeps two tokens and is claimed to survive two refreshes of the owner.
pub(crate) fn one_theft(rule: Rule) -> Theft {
    Theft {
        rule,
        pause: 4,
        loot: 2,
        lossy: false,
        survives: 2,
    }
}

#[test]
fn a_thief_must_meet_the_owner_before_its_third_refresh() {
    let theft = one_theft(Rule::real(1, 3));
    assert_eq!(theft.search(), None);
    if large() {
        for theft in [
            Theft { loot: 3, ..theft },
            Theft { pause: 5, ..theft },
            Theft { lossy: true, ..theft },
        ] {
            assert_eq!(theft.search(), None);
        }
    }
}

/// What is not claimed.
#[test]
fn a_thief_may_survive_two_refreshes_without_meeting_the_owner() {
    let bolder = Theft {
        survives: 1,
        ..one_theft(Rule::real(1, 3))
    };
    assert!(bolder.search().is_some());
}
