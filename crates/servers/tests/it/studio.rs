//! The studio as an MCP client meets it, over an in-process transport.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chimera_domain::Usd;
use chimera_llm::{
    Answer, Draft, Mind, MindError, MindInfo, OfflineMind, Opinion, OpinionAsk, Relevance, RelevanceAsk, WriteAsk,
};
use chimera_servers::studio::{Identity, ImageMade, StudioConfig, StudioServer, TextMade, VideoMade};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientRequest, ProgressNotificationParam, Request, ResourceContents,
    ServerResult,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RequestHandle, RunningService};
use rmcp::{ClientHandler, RoleClient, ServiceExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A client that keeps what it hears of progress, in order: token and frames done.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<(String, f64)>>>,
    news: Arc<Notify>,
}

impl ClientHandler for Listener {
    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.heard.lock().unwrap().push((format!("{:?}", params.progress_token), params.progress));
        self.news.notify_waiters();
    }
}

/// The mind that writes here.
fn mind() -> Arc<dyn Mind> {
    Arc::new(OfflineMind::new().unwrap())
}

/// What any of the tools needs, but for the character.
fn brief() -> Value {
    json!({
        "headline": "Linen is back", "summary": "Mills report full order books for spring.", "aspect": "1:1",
        "duration_seconds": 2, "goal": "Fashion that lasts", "channel": "instagram", "text_chars_max": 400,
        "hashtags_max": 3,
        "persona": {
            "name": "Fae", "slug": "fae", "voice_traits": ["warm", "wry"], "core_beliefs": ["Clothes should last."],
            "directives": [], "banned_topics": ["fur"], "character_reference_id": "fae", "disclosure": "I'm an AI.",
            "backstory": "",
        },
    })
}

struct Studio {
    client: RunningService<RoleClient, Listener>,
    listener: Listener,
    // Keeps the server going until the test is over.
    _server: JoinSet<()>,
}

impl Studio {
    async fn open() -> Self {
        Self::with(mind()).await
    }

    async fn with(mind: Arc<dyn Mind>) -> Self {
        let config = StudioConfig { concurrent_renders_max: 1, ..StudioConfig::default() };
        let server = StudioServer::new(config, mind).unwrap();
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            server.serve(theirs).await.unwrap().waiting().await.unwrap();
        });
        let listener = Listener::default();
        let client = listener.clone().serve(ours).await.unwrap();
        Self { client, listener, _server: tasks }
    }

    async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        self.client.call_tool(params(tool, arguments)).await.unwrap()
    }

    async fn start(&self, tool: &'static str, arguments: Value) -> RequestHandle<RoleClient> {
        let request = ClientRequest::CallToolRequest(Request::new(params(tool, arguments)));
        self.client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.unwrap()
    }

    async fn image(&self, arguments: Value) -> (Vec<u8>, ImageMade) {
        let result = self.call("generate_image", arguments).await;
        assert_ne!(result.is_error, Some(true), "{:?}", text(&result));
        let image = result.content[0].as_image().unwrap();
        assert_eq!(image.mime_type, "image/png");
        (STANDARD.decode(&image.data).unwrap(), result.into_typed().unwrap())
    }
}

fn params(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    CallToolRequestParams::new(tool).with_arguments(arguments)
}

fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.clone()).collect()
}

fn video(result: CallToolResult) -> (Vec<u8>, VideoMade) {
    assert_ne!(result.is_error, Some(true), "{:?}", text(&result));
    let resource = &result.content[0].as_resource().unwrap().resource;
    let ResourceContents::BlobResourceContents { mime_type, blob, .. } = resource else {
        panic!("the video is not a blob");
    };
    assert_eq!(mime_type.as_deref(), Some("video/mp4"));
    (STANDARD.decode(blob).unwrap(), result.into_typed().unwrap())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Pixels of a PNG and how often each colour occurs.
fn colors(png: &[u8]) -> (u32, u32, HashMap<[u8; 3], usize>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let mut counts = HashMap::new();
    // Every 97th pixel is plenty, and keeps the unoptimised loop short.
    for pixel in pixels.chunks_exact(4).step_by(97) {
        *counts.entry([pixel[0], pixel[1], pixel[2]]).or_insert(0) += 1;
    }
    (frame.width, frame.height, counts)
}

#[tokio::test]
async fn tools_say_what_they_take_and_give_and_results_keep_to_it() {
    let studio = Studio::open().await;
    let tools = studio.client.list_all_tools().await.unwrap();
    let by_name: BTreeMap<_, _> = tools.iter().map(|tool| (tool.name.as_ref(), tool)).collect();
    for name in ["generate_image", "generate_video"] {
        let required = by_name[name].input_schema["required"].as_array().unwrap();
        for field in ["character_reference_id", "headline"] {
            assert!(required.contains(&json!(field)), "{name} does not require {field}: {required:?}");
        }
        assert!(by_name[name].output_schema.is_some());
        assert!(by_name[name].description.as_ref().is_some_and(|words| words.len() > 40));
    }
    let result = studio
        .call(
            "generate_image",
            json!({"character_reference_id": "fae-v1", "headline": "Linen is back", "aspect": "1:1"}),
        )
        .await;
    let schema = Value::Object(by_name["generate_image"].output_schema.as_ref().unwrap().as_ref().clone());
    let structured = result.structured_content.clone().unwrap();
    let errors: Vec<_> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&structured).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(serde_json::from_str::<Value>(&text(&result)).unwrap(), structured, "text repeats the structure");
}

#[tokio::test]
async fn a_call_without_a_character_is_refused_by_every_tool() {
    let studio = Studio::open().await;
    let tools = studio.client.list_all_tools().await.unwrap();
    assert!(tools.len() >= 2);
    for tool in tools {
        let schemas = serde_json::to_string(&(&tool.input_schema, &tool.output_schema)).unwrap();
        assert!(!schemas.contains("\"uint"), "formats that only Rust knows: {schemas}");
        for id in [None, Some(""), Some(" \t\n")] {
            let mut arguments = brief();
            if let Some(id) = id {
                arguments["character_reference_id"] = json!(id);
            }
            let request =
                CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments.as_object().unwrap().clone());
            let result = studio.client.call_tool(request).await.unwrap();
            assert_eq!(result.is_error, Some(true), "{} with {id:?}", tool.name);
            assert!(text(&result).contains("character_reference_id is missing or empty"), "{}", text(&result));
            assert_eq!(result.content.len(), 1, "a refusal carries no media");
        }
    }
}

#[tokio::test]
async fn words_keep_to_the_channels_limits_and_to_their_own_character() {
    let studio = Studio::open().await;
    let mut arguments = brief();
    arguments["character_reference_id"] = json!("fae");
    let made: TextMade = studio.call("generate_text", arguments.clone()).await.into_typed().unwrap();
    assert!(made.text.contains("inen") && made.text.chars().count() <= 400, "{}", made.text);
    assert!(made.hashtags.len() <= 3 && made.hashtags.iter().all(|tag| !tag.starts_with('#')));
    assert!(!made.model.is_empty() && made.cost_usd == "0");
    let again: TextMade = studio.call("generate_text", arguments.clone()).await.into_typed().unwrap();
    assert_eq!(again, made, "one seed, one text");
    arguments["character_reference_id"] = json!("someone-else");
    let refused = studio.call("generate_text", arguments).await;
    assert!(refused.is_error == Some(true) && text(&refused).contains("not that of the persona fae"));
}

/// A mind that answers nonsense for two cents, or refuses for nothing when it may not spend them.
#[derive(Debug)]
struct Scatterbrain;

#[async_trait]
impl Mind for Scatterbrain {
    fn about(&self) -> MindInfo {
        mind().about()
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        mind().relevance(ask).await
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        let price = Usd::cents(2);
        match ask.budget.filter(|budget| *budget < price) {
            Some(left) => Err(MindError::OverBudget { estimate: price, left, spent: Usd::ZERO }),
            None => Err(MindError::Malformed { model: "m".to_owned(), problem: "a poem".to_owned(), spent: price }),
        }
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        mind().opine(ask).await
    }
}

#[tokio::test]
async fn a_budget_reaches_the_writer_and_a_failure_says_what_it_cost() {
    let studio = Studio::with(Arc::new(Scatterbrain)).await;
    let tools = studio.client.list_all_tools().await.unwrap();
    let schema = tools.iter().find(|tool| tool.name == "generate_text").unwrap().output_schema.clone().unwrap();
    let schema = jsonschema::validator_for(&Value::Object(schema.as_ref().clone())).unwrap();
    for (budget, cost, said) in [
        (None, "0.02", "a poem"),
        (Some("0.02"), "0.02", "a poem"),
        (Some("0.019999"), "0", "nothing was sent"),
        (Some("0"), "0", "nothing was sent"),
    ] {
        let mut arguments = brief();
        arguments["character_reference_id"] = json!("fae");
        if let Some(budget) = budget {
            arguments["budget_usd"] = json!(budget);
        }
        let failed = studio.call("generate_text", arguments).await;
        assert_eq!(failed.is_error, Some(true));
        let body = failed.structured_content.clone().unwrap();
        assert_eq!(body["cost_usd"], cost, "{budget:?}: {body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(said), "{budget:?}: {body}");
        assert!(schema.is_valid(&body), "{body}");
    }
}

#[tokio::test]
async fn the_same_request_gives_the_same_picture_and_another_seed_another() {
    let studio = Studio::open().await;
    let request = |seed: u64| {
        json!({"character_reference_id": "nova", "headline": "Five coats that make every outfit look expensive",
            "kicker": "Wardrobe notes", "caption": "Swipe for the list.", "aspect": "4:5", "seed": seed})
    };
    let (png, made) = studio.image(request(7)).await;
    let (again, made_again) = studio.image(request(7)).await;
    assert_eq!(png, again);
    assert_eq!(made, made_again);
    assert_eq!((made.sha256.as_str(), made.bytes), (hex(&png).as_str(), png.len() as u64));
    assert_eq!((made.mime.as_str(), made.cost_usd.as_str()), ("image/png", "0"));
    assert!(made.alt_text.contains("Five coats") && made.alt_text.contains("AI-generated"));
    let (width, height, _) = colors(&png);
    assert_eq!((width, height), (made.width, made.height));
    assert_eq!((width, height), (1080, 1350));
    assert!(studio.image(request(8)).await.0 != png);
    for (aspect, size) in [("1:1", (1080, 1080)), ("9:16", (1080, 1920))] {
        let mut other = request(7);
        other["aspect"] = json!(aspect);
        assert_eq!(
            {
                let (w, h, _) = colors(&studio.image(other).await.0);
                (w, h)
            },
            size
        );
    }
}

#[tokio::test]
async fn siblings_share_their_colours_and_strangers_do_not() {
    let studio = Studio::open().await;
    let mut seen: BTreeMap<&str, Vec<HashMap<[u8; 3], usize>>> = BTreeMap::new();
    for agent in ["fae-v1", "kai_02"] {
        for headline in ["Linen is back, and this time it is staying", "How to mend a jumper in an evening"] {
            let request = json!({"character_reference_id": agent, "headline": headline, "aspect": "1:1"});
            seen.entry(agent).or_default().push(colors(&studio.image(request).await.0).2);
        }
    }
    // The share of each picture that is painted in exactly the given agent's palette.
    let share = |agent: &str, counts: &HashMap<[u8; 3], usize>| {
        let palette = Identity::derive(agent).palette.colors().map(|color| [color.r, color.g, color.b]);
        let own: usize = palette.iter().filter_map(|color| counts.get(color)).sum();
        let all: usize = counts.values().sum();
        own * 100 / all
    };
    for (agent, other) in [("fae-v1", "kai_02"), ("kai_02", "fae-v1")] {
        for counts in &seen[agent] {
            let (own, foreign) = (share(agent, counts), share(other, counts));
            assert!(own > 60, "{agent}: only {own} % in its own palette");
            assert!(foreign < 2, "{agent}: {foreign} % in {other}'s palette");
        }
    }
}

#[tokio::test]
async fn words_of_any_kind_are_drawn_or_named_as_left_out() {
    let studio = Studio::open().await;
    let long = "The quiet return of the waistcoat, and how to wear one ".repeat(9);
    let cases: [(&str, Option<&str>); 8] = [
        ("Yes", None),
        (&long, Some("headline was cut")),
        ("👗 Party dresses ✨ that don't try too hard 👩🏽‍🎨", None),
        ("Tokyo street style 東京", Some("東")),
        ("<svg onload=\"alert(1)\"> & ' \" ]]> <!-- -->", None),
        ("Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung", None),
        ("Ελληνική μόδα, русская мода, thời trang", None),
        ("a\u{202E}b\u{200B}c \u{301}\u{301}\u{301} \u{FFFF}", Some("left out")),
    ];
    for (at, (headline, note)) in cases.into_iter().enumerate() {
        for agent in ["fae-v1", "zed", "luna"] {
            let request = json!({"character_reference_id": agent, "headline": headline, "kicker": "R&D <new>",
                "caption": "One & two <three>, 'four' \"five\"", "aspect": "1:1", "seed": at});
            let (png, made) = studio.image(request).await;
            colors(&png);
            let notes = made.notes.join("; ");
            assert_eq!(note.is_some(), !notes.is_empty(), "{headline}: {notes}");
            assert!(note.is_none_or(|note| notes.contains(note)), "{headline}: {notes}");
            assert_disclosed(&png);
        }
    }
}

/// The file itself says that a machine made it, in XMP that parses whatever the headline.
fn assert_disclosed(png: &[u8]) {
    let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let chunk = reader.info().utf8_text.iter().find(|chunk| chunk.keyword == "XML:com.adobe.xmp").unwrap();
    let xmp = chunk.get_text().unwrap();
    let mut events = quick_xml::Reader::from_str(&xmp);
    events.config_mut().check_end_names = true;
    let mut elements = 0;
    loop {
        match events.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(_) => elements += 1,
            _ => {}
        }
    }
    assert_eq!(elements, 7, "the headline added elements: {xmp}");
    assert!(xmp.contains("digitalsourcetype/trainedAlgorithmicMedia"));
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_in_words_that_help() {
    let studio = Studio::open().await;
    let image = |headline: &str| json!({"character_reference_id": "fae", "headline": headline, "aspect": "1:1"});
    let film = |seconds: Value| json!({"character_reference_id": "fae", "headline": "Hi", "duration_seconds": seconds});
    for (tool, arguments, words) in [
        ("generate_image", image("東京の春"), "start the studio with a font file"),
        ("generate_image", image(" \u{0} "), "headline is empty"),
        ("generate_image", image(&"x".repeat(20_000)), "shorten it"),
        ("generate_video", film(json!(1)), "give a number from 2 to 15"),
        ("generate_video", film(json!(1e12)), "give a number from 2 to 15"),
        ("generate_video", json!({"character_reference_id": "fae", "headline": "Hi"}), "duration_seconds is missing"),
        (
            "generate_image",
            json!({"character_reference_id": "fae", "headline": "Hi", "aspect": "2:1"}),
            "expected one of `1:1`, `4:5`, `9:16`",
        ),
    ] {
        let result = studio.call(tool, arguments).await;
        assert_eq!(result.is_error, Some(true), "{words}");
        assert!(text(&result).contains(words), "{}", text(&result));
    }
}

#[test]
fn a_font_file_that_is_none_is_refused_by_name() {
    for path in ["/nowhere/at-all.ttf", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let config = StudioConfig { extra_fonts: vec![path.into()], ..StudioConfig::default() };
        assert!(StudioServer::new(config, mind()).unwrap_err().to_string().contains(path));
    }
}

/// The payload of the first box at `path` ("moov/trak/tkhd"), or `None`.
fn mp4_box<'a>(data: &'a [u8], path: &str) -> Option<&'a [u8]> {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let mut at = 0;
    while at + 8 <= data.len() {
        let size = u32::from_be_bytes(data[at..at + 4].try_into().unwrap()) as usize;
        assert!(size >= 8 && at + size <= data.len(), "box at {at} has size {size} of {}", data.len());
        if &data[at + 4..at + 8] == first.as_bytes() {
            let payload = &data[at + 8..at + size];
            return rest.map_or(Some(payload), |rest| mp4_box(payload, rest));
        }
        at += size;
    }
    assert_eq!(at, data.len(), "bytes after the last box");
    None
}

fn be32(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(data[at..at + 4].try_into().unwrap())
}

/// Two equal requests at once on a studio that renders one at a time: equal files, progress of one after the other's.
#[tokio::test]
async fn videos_are_playable_repeatable_and_rendered_in_turn_with_progress() {
    let studio = Studio::open().await;
    let request = json!({"character_reference_id": "mira", "headline": "Linen is back, and it stays",
        "kicker": "Trend report", "caption": "Save this for summer.", "duration_seconds": 2});
    let first = studio.start("generate_video", request.clone()).await;
    let second = studio.start("generate_video", request).await;
    let mut made = Vec::new();
    for handle in [first, second] {
        let ServerResult::CallToolResult(result) = handle.await_response().await.unwrap() else {
            panic!("not a tool result");
        };
        made.push(video(result));
    }
    let (mp4, facts) = made.remove(0);
    assert_eq!(made.remove(0), (mp4.clone(), facts.clone()), "not repeatable");
    assert_eq!((facts.width, facts.height, facts.frames), (720, 1280, 60));
    assert!((facts.duration_seconds - 2.0).abs() < 1e-9);
    assert_eq!((facts.sha256.as_str(), facts.bytes), (hex(&mp4).as_str(), mp4.len() as u64));
    assert!(facts.captions_vtt.starts_with("WEBVTT\n") && facts.captions_vtt.contains("Linen is back"));
    assert_playable(&mp4);

    let heard = studio.listener.heard.lock().unwrap().clone();
    let mut tokens: Vec<_> = heard.iter().map(|(token, _)| token.clone()).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 2, "the renderings overlapped or one told nothing: {heard:?}");
    for token in tokens {
        let steps: Vec<_> = heard.iter().filter(|(of, _)| *of == token).map(|(_, done)| *done).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
        assert!(steps.len() >= 2 && steps.iter().all(|done| (1.0..=60.0).contains(done)), "{steps:?}");
    }
}

fn assert_playable(mp4: &[u8]) {
    assert!(mp4_box(mp4, "ftyp").is_some() && mp4_box(mp4, "mdat").is_some());
    let position = |name: &[u8]| mp4.windows(4).position(|four| four == name).unwrap();
    assert!(position(b"moov") < position(b"mdat"), "the index comes first, so that players may start early");
    let header = mp4_box(mp4, "moov/mvhd").unwrap();
    assert_eq!(header[0], 0, "version");
    let seconds = f64::from(be32(header, 16)) / f64::from(be32(header, 12));
    assert!((seconds - 2.0).abs() < 0.02, "{seconds} s");
    let track = mp4_box(mp4, "moov/trak/tkhd").unwrap();
    assert_eq!((be32(track, 76) >> 16, be32(track, 80) >> 16), (720, 1280));
    let description = mp4_box(mp4, "moov/trak/mdia/minf/stbl/stsd").unwrap();
    assert_eq!(&description[12..16], b"avc1");
    let sizes = mp4_box(mp4, "moov/trak/mdia/minf/stbl/stsz").unwrap();
    assert_eq!(be32(sizes, 8), 60, "samples");
    decode(mp4);
}

/// Decodes every frame with FFmpeg where it is installed; any complaint fails.
fn decode(mp4: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("post.mp4");
    std::fs::write(&path, mp4).unwrap();
    let run = std::process::Command::new("ffmpeg")
        .args(["-v", "warning", "-i"])
        .arg(&path)
        .args(["-f", "null", "-"])
        .output();
    if let Ok(output) = run {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}

#[tokio::test]
async fn a_cancelled_video_stops_and_makes_room_for_the_next() {
    let studio = Studio::open().await;
    let request = json!({"character_reference_id": "mira", "headline": "Never to be finished", "duration_seconds": 15});
    let news = studio.listener.news.clone();
    let first_news = news.notified();
    let handle = studio.start("generate_video", request).await;
    first_news.await;
    handle.cancel(Some("changed my mind".to_owned())).await.unwrap();
    // One rendering at a time: the picture can only be drawn once the video has given up its turn.
    studio.image(json!({"character_reference_id": "mira", "headline": "Next, please", "aspect": "1:1"})).await;
    let reached = studio.listener.heard.lock().unwrap().iter().map(|(_, done)| *done).fold(0.0, f64::max);
    assert!(reached > 0.0 && reached < 440.0, "reached {reached} of 450 frames");
}
