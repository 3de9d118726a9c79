//! Access as a whole, on a state in memory and a clock that stands still until it is moved.

use std::net::Ipv4Addr;

use model::SteppedClock;
use model::access::{Scope, TopicGrant};
use mqtt::{Authenticate as _, Credentials, Peer, ReasonCode, Transport, Version};
use store::state::MemoryState;

use super::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
const PASSWORD: &str = "correct horse";

struct Fixture {
    state: Arc<dyn State>,
    clock: Arc<SteppedClock>,
    access: Access,
    local: String,
}

fn open(state: Arc<dyn State>, clock: Arc<SteppedClock>) -> Fixture {
    let settings = Settings { session_life: Duration::from_secs(3600), anonymous: TopicRules::default() };
    let (access, local) = Access::open(Arc::clone(&state), Arc::clone(&clock) as Arc<dyn Clock>, settings).unwrap();
    Fixture { state, clock, access, local }
}

fn fresh() -> Fixture {
    open(Arc::new(MemoryState::new()), Arc::new(SteppedClock::new(Timestamp::from_seconds(1_700_000_000))))
}

async fn owned() -> (Fixture, NewSession) {
    let fixture = fresh();
    let link = fixture.access.new_set_up_link();
    let session = fixture.access.set_up(&link, "Kim", PASSWORD.into(), HOME).await.unwrap();
    (fixture, session)
}

fn role_of(identity: &Identity) -> Role {
    match identity.principal {
        Principal::User { role, .. } => role,
        ref other => panic!("{other} is no user"),
    }
}

#[tokio::test]
async fn the_one_time_link_works_once_and_not_for_ever() {
    let Fixture { clock, access, .. } = fresh();
    let old = access.new_set_up_link();
    let link = access.new_set_up_link();
    let try_link = |link: String| {
        let access = &access;
        async move { access.set_up(&link, "Kim", PASSWORD.into(), HOME).await }
    };
    assert!(matches!(try_link(old).await, Err(AccessError::LinkWrong)));
    clock.advance(SET_UP_LINK_LIFE);
    assert!(matches!(try_link(link).await, Err(AccessError::LinkWrong)));
    let link = access.new_set_up_link();
    assert!(!access.has_owner());
    let session = try_link(link.clone()).await.unwrap();
    assert!(access.has_owner());
    assert_eq!(role_of(&access.by_cookie(&session.cookie).unwrap()), Role::Owner);
    assert!(matches!(try_link(link).await, Err(AccessError::OwnerExists)));
}

#[tokio::test]
async fn sessions_end_by_time_by_leaving_and_by_a_new_password() {
    let (Fixture { clock, access, .. }, first) = owned().await;
    let sign_in = || access.sign_in("KIM", PASSWORD.into(), HOME);
    let second = sign_in().await.unwrap();
    access.sign_out(SecretHash::of(&first.cookie)).await.unwrap();
    assert!(access.by_cookie(&first.cookie).is_none() && access.by_cookie(&second.cookie).is_some());
    clock.advance(Duration::from_secs(3600));
    assert!(access.by_cookie(&second.cookie).is_none(), "expired");
    let third = sign_in().await.unwrap();
    let identity = access.by_cookie(&third.cookie).unwrap();
    assert!(access.still_holds(&identity));
    access.change_user(&third.user.id, Expect::Any, None, Some("another password".into()), None).await.unwrap();
    assert!(!access.still_holds(&identity));
    assert!(matches!(sign_in().await, Err(AccessError::Wrong)));
}

#[tokio::test]
async fn guessing_is_limited_by_name_and_audited() {
    let (Fixture { access, clock, .. }, _) = owned().await;
    for number in 0..rate::PER_NAME.burst {
        let address = IpAddr::V4(Ipv4Addr::from(number));
        assert!(matches!(access.sign_in("kim", "wrong guess".into(), address).await, Err(AccessError::Wrong)));
    }
    assert!(matches!(access.sign_in("kim", PASSWORD.into(), HOME).await, Err(AccessError::TooMany { .. })));
    clock.advance(Duration::from_secs(u64::from(rate::PER_NAME.seconds_for_one)));
    access.sign_in("kim", PASSWORD.into(), HOME).await.unwrap();
    let (entries, total) = access.audit(None, 100).unwrap();
    assert_eq!(total, u64::from(rate::PER_NAME.burst));
    assert!(entries.iter().all(|(_, row)| row.action == "sign_in" && row.target == "kim" && !row.allowed));
}

#[tokio::test]
async fn guessing_is_limited_by_address() {
    let (Fixture { access, .. }, _) = owned().await;
    let mut refused = 0;
    for number in 0..=rate::PER_ADDRESS.burst {
        let result = access.sign_in(&format!("user{number}"), "wrong guess".into(), HOME).await;
        refused += u32::from(matches!(result, Err(AccessError::TooMany { .. })));
    }
    // The set-up gave nothing back, so it counts as one.
    assert_eq!(refused, 2);
}

#[tokio::test]
async fn the_last_owner_stays() {
    let (Fixture { access, .. }, session) = owned().await;
    let id = &session.user.id;
    assert!(matches!(access.remove_user(id, Expect::Any).await, Err(AccessError::LastOwner)));
    let demoted = access.change_user(id, Expect::Any, None, None, Some(Role::Viewer)).await;
    assert!(matches!(demoted, Err(AccessError::LastOwner)));
    access.add_user("Lee", PASSWORD.into(), Role::Owner).await.unwrap();
    assert!(matches!(access.add_user("lee", PASSWORD.into(), Role::Viewer).await, Err(AccessError::NameTaken(_))));
    access.remove_user(id, Expect::Any).await.unwrap();
    assert!(access.by_cookie(&session.cookie).is_none());
}

#[tokio::test]
async fn tokens_expire_and_are_withdrawn() {
    let (Fixture { access, clock, .. }, _) = owned().await;
    let end = clock.now() + Duration::from_secs(60);
    let (_, brief) = access.add_token("brief", &[Scope::Read], Some(end)).await.unwrap();
    let (token, secret) = access.add_token("grafana", &[Scope::Read, Scope::Read], None).await.unwrap();
    assert_eq!(&*token.scopes, [Scope::Read]);
    assert!(access.by_token(&brief).is_some());
    clock.advance(Duration::from_secs(60));
    assert!(access.by_token(&brief).is_none() && access.by_token(&secret).is_some());
    access.remove_token(&token.id).await.unwrap();
    assert!(access.by_token(&secret).is_none());
    assert!(matches!(access.add_token("none", &[], None).await, Err(AccessError::TokenInvalid(_))));
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_no_secret_is_kept() {
    let (fixture, session) = owned().await;
    let lamp = ThingId::new("lamp").unwrap();
    let secret = fixture.access.rotate_credential(&lamp, None).await.unwrap();
    let (_, token) = fixture.access.add_token("grafana", &[Scope::Read], None).await.unwrap();
    for table in [Table::User, Table::SignIn, Table::Token, Table::Credential] {
        for row in fixture.state.list(table, None, None, 10).unwrap() {
            let text = format!("{} {:?} {}", row.id, row.key, String::from_utf8(row.document).unwrap());
            for kept_out in [PASSWORD, &secret, &token, &session.cookie] {
                assert!(!text.contains(kept_out), "{table:?} keeps a secret");
            }
        }
    }
    let again = open(fixture.state, fixture.clock);
    assert!(again.access.by_cookie(&session.cookie).is_some());
    assert!(again.access.by_token(&token).is_some());
    assert!(again.access.by_credential("lamp", &secret).is_some());
    assert!(again.access.by_token(&fixture.local).is_none(), "the local secret is a new one at each start");
    assert_eq!(role_of(&again.access.by_token(&again.local).unwrap()), Role::Owner);
}

fn client(username: Option<&str>, password: Option<&str>) -> Credentials {
    Credentials {
        client_id: "c".into(),
        username: username.map(str::to_owned),
        password: password.map(|text| text.as_bytes().to_vec()),
        version: Version::V5,
        peer: Peer::remote((HOME, 50_000).into(), Transport::Tcp),
    }
}

#[tokio::test]
async fn mqtt_clients_are_things_programs_people_or_nobody() {
    let (Fixture { access, .. }, session) = owned().await;
    let gateway = ThingId::new("gateway").unwrap();
    let rules = TopicRules {
        grants: vec![TopicGrant { filter: "homeassistant/#".into(), publish: true, subscribe: false }],
        ..TopicRules::default()
    };
    let secret = access.rotate_credential(&gateway, Some(rules.clone())).await.unwrap();
    let (token, token_secret) = access.add_token("node-red", &[Scope::Ingest], None).await.unwrap();
    let who = |username: Option<&'static str>, password: Option<String>| {
        let access = &access;
        async move { access.authenticate(&client(username, password.as_deref())).await }
    };
    let thing = Principal::Thing { id: gateway.clone(), rules: rules.clone().into() };
    assert_eq!(who(Some("gateway"), Some(secret.clone())).await, Ok(thing));
    let program = Principal::Token { id: token.id.as_str().into(), scopes: token.scopes.clone() };
    assert_eq!(who(Some("token"), Some(token_secret.clone())).await, Ok(program));
    let person = Principal::User { id: session.user.id.as_str().into(), role: Role::Owner };
    assert_eq!(who(Some("kim"), Some(PASSWORD.into())).await, Ok(person));

    let wrong = Err(ReasonCode::BadUserNameOrPassword);
    assert_eq!(who(Some("lamp"), Some(secret.clone())).await, wrong, "another thing's secret");
    assert_eq!(who(Some("gateway"), Some(token_secret)).await, wrong);
    assert_eq!(who(Some("kim"), Some("a wrong guess".into())).await, wrong);
    assert_eq!(who(Some("gateway"), None).await, wrong);
    assert_eq!(who(None, None).await, Err(ReasonCode::NotAuthorized));

    let newer = access.rotate_credential(&gateway, None).await.unwrap();
    assert_eq!(who(Some("gateway"), Some(secret)).await, wrong, "the old secret");
    assert!(who(Some("gateway"), Some(newer)).await.is_ok());
    assert_eq!(*access.credential(&gateway).unwrap().rules, rules, "a rotation keeps the rules");
}

#[tokio::test]
async fn a_certificate_speaks_for_the_thing_it_names() {
    let (Fixture { access, .. }, _) = owned().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "lamp");
    let certificate: Arc<[u8]> = parameters.self_signed(&key).unwrap().der().to_vec().into();
    let mut credentials = client(None, None);
    credentials.peer.certificate = Some(certificate);
    let lamp = Principal::thing(ThingId::new("lamp").unwrap());
    assert_eq!(access.authenticate(&credentials).await, Ok(lamp.clone()));
    credentials.username = Some("lamp".into());
    assert_eq!(access.authenticate(&credentials).await, Ok(lamp));
    credentials.username = Some("other".into());
    assert_eq!(access.authenticate(&credentials).await, Err(ReasonCode::BadUserNameOrPassword));
}
