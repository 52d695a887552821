//! Through the protocol, as the host sees it.

use std::io::Cursor;

use pearl_agent::protocol::messages::TensorData;
use pearl_agent::protocol::serve::serve;
use pearl_agent::protocol::wire::{FailureKind, Outcome, Reply, Request};
use pearl_models::reference;

use super::*;
use crate::toy::{self, CLASSES, INPUT, Toy};
use pearl::train::worker_protocol::{
    ForwardRequest, NetworkSource, Recipe, TrainProgress, TrainSeeds,
};

const SPLIT: Split = Split { images: 48, holdout: 12 };

/// The terminal outcomes of requests, in order.
fn answers(bodies: Vec<WorkerRequest>) -> Vec<Result<WorkerDone, Failure>> {
    let mut input = Vec::new();
    for (id, body) in (1..).zip(bodies) {
        serde_json::to_writer(&mut input, &Request { id, body }).unwrap();
        input.push(b'\n');
    }
    let mut out = Vec::new();
    let mut worker = Worker::default();
    serve::<WorkerRequest, TrainProgress, WorkerDone>(
        Cursor::new(input),
        &mut out,
        || (),
        |body, progress| worker.handle(body, &mut |at| progress.send(at)),
    )
    .unwrap();
    let replies = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let replies = replies.map(|line| serde_json::from_slice(line).unwrap());
    replies
        .filter_map(|reply: Reply<TrainProgress, WorkerDone>| match reply.outcome {
            Outcome::Progress(_) => None,
            Outcome::Done(done) => Some(Ok(done)),
            Outcome::Failed(failure) => Some(Err(failure)),
        })
        .collect()
}

fn hello() -> WorkerRequest {
    WorkerRequest::Hello { protocol: PROTOCOL, torch_device: "cpu".into() }
}

fn request(toy: &Toy) -> TrainRequest {
    TrainRequest {
        network: NetworkSource::Reference {
            name: "resnet-8:0.25".into(),
            input: INPUT,
            classes: CLASSES,
        },
        data: toy.source.clone(),
        split: SPLIT,
        recipe: toy::recipe(3),
        loss: Loss::Hard,
        seeds: TrainSeeds { weights: 1, order: 2 },
        weights_out: Some(toy.folder.path().join("student.safetensors")),
        test: true,
    }
}

fn trained(answer: &Result<WorkerDone, Failure>) -> &TrainReport {
    match answer {
        Ok(WorkerDone::Train(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: &Result<WorkerDone, Failure>) -> (FailureKind, &str) {
    match answer {
        Err(failure) => (failure.kind, &failure.message),
        Ok(done) => panic!("{done:?}"),
    }
}

#[test]
fn the_first_request_has_to_be_hello_in_the_same_protocol() {
    let toy = Toy::new(60, 6);
    let data = || WorkerRequest::Data(toy.source.clone());
    let stranger = WorkerRequest::Hello { protocol: PROTOCOL + 1, torch_device: "cpu".into() };
    let cuda = WorkerRequest::Hello { protocol: PROTOCOL, torch_device: "cuda:4096".into() };
    let answers = answers(vec![data(), stranger, cuda, hello(), data()]);
    assert_eq!(refused(&answers[0]).0, FailureKind::BadRequest);
    assert_eq!(refused(&answers[1]).0, FailureKind::BadRequest);
    let (kind, message) = refused(&answers[2]);
    assert!(kind == FailureKind::BadRequest && message.contains("'cuda:4096'"), "{message}");
    let Ok(WorkerDone::Hello(hello)) = &answers[3] else { panic!("{:?}", answers[3]) };
    assert_eq!((hello.torch_device.as_str(), hello.torch.split('.').count()), ("cpu", 3));
    assert!(hello.threads > 0);
    assert!(matches!(&answers[4], Ok(WorkerDone::Data(report)) if report.train_images == 60));
}

#[test]
fn a_student_is_trained_from_a_teacher_trained_before_and_its_weights_are_used() {
    let _alone = toy::alone();
    let toy = Toy::new(60, 6);
    let path = |name: &str| toy.folder.path().join(name);
    let teacher = TrainRequest {
        recipe: toy::recipe(20),
        weights_out: Some(path("teacher.safetensors")),
        ..request(&toy)
    };
    let source = TeacherSource::Native {
        network: "resnet-8:0.25".into(),
        weights: path("teacher.safetensors"),
    };
    let cache = path("cache");
    let teach = || TeachRequest {
        teacher: source.clone(),
        data: toy.source.clone(),
        split: SPLIT,
        cache: cache.clone(),
    };
    let loss = Loss::Distillation {
        teacher: source.clone(),
        cache: cache.clone(),
        alpha: 1.0,
        temperature: 2.0,
    };
    let forward = ForwardRequest {
        network: request(&toy).network,
        weights: path("student.safetensors"),
        input: TensorData { dims: vec![2, 1, 8, 8], values: vec![0.5; 128] },
    };
    let answers = answers(vec![
        hello(),
        WorkerRequest::Train(Box::new(teacher)),
        WorkerRequest::Teach(teach()),
        WorkerRequest::Teach(teach()),
        WorkerRequest::Train(Box::new(TrainRequest { loss, ..request(&toy) })),
        WorkerRequest::Forward(forward),
    ]);
    let report = trained(&answers[1]);
    assert_eq!((report.holdout.total, report.test.unwrap().total), (12, 6));
    assert!(report.holdout.correct >= 10, "{report:?}");
    assert_eq!((report.time.images, report.epoch_loss.len()), (48 * 20, 20));
    let Ok(WorkerDone::Teach(first)) = &answers[2] else { panic!("{:?}", answers[2]) };
    assert!(first.computed);
    assert_eq!(
        first.accuracy, report.holdout,
        "the teacher that was trained is the one that teaches"
    );
    assert!(matches!(&answers[3], Ok(WorkerDone::Teach(again)) if !again.computed));
    assert_eq!(trained(&answers[4]).diverged, None);
    let Ok(WorkerDone::Forward(forward)) = &answers[5] else { panic!("{:?}", answers[5]) };
    assert_eq!(forward.logits.dims, [2, 3]);
    assert_eq!(forward.logits.values[..3], forward.logits.values[3..]);
}

#[test]
fn a_loss_that_is_not_finite_is_a_result_with_a_reason_and_no_weights() {
    let _alone = toy::alone();
    let toy = Toy::new(60, 6);
    let recipe = Recipe { learning_rate: 1e30, ..toy::recipe(3) };
    let train = TrainRequest { recipe, ..request(&toy) };
    let answers = answers(vec![hello(), WorkerRequest::Train(Box::new(train))]);
    let report = trained(&answers[1]);
    assert!(report.diverged.as_ref().unwrap().contains("loss"), "{report:?}");
    assert_eq!(report.holdout, Accuracy { correct: 0, total: 12 });
    assert_eq!(report.test, Some(Accuracy { correct: 0, total: 6 }));
    assert!(!toy.folder.path().join("student.safetensors").exists());
}

#[test]
fn requests_that_make_no_sense_are_refused_and_the_worker_goes_on() {
    let toy = Toy::new(60, 6);
    let good = || request(&toy);
    let recipe = |change: fn(&mut Recipe)| {
        let mut recipe = toy::recipe(1);
        change(&mut recipe);
        TrainRequest { recipe, ..good() }
    };
    let reference =
        |name: &str, classes| NetworkSource::Reference { name: name.into(), input: INPUT, classes };
    let soft = |temperature| Loss::Distillation {
        teacher: TeacherSource::TorchScript {
            file: toy.folder.path().join("absent.pt"),
            options: Box::default(),
        },
        cache: toy.folder.path().join("cache"),
        alpha: 1.0,
        temperature,
    };
    let cases: Vec<(TrainRequest, FailureKind, &str)> = vec![
        (recipe(|r| r.epochs = 0), FailureKind::BadRequest, "0 epochs"),
        (recipe(|r| r.batch = 1), FailureKind::BadRequest, "batches of 1"),
        (recipe(|r| r.learning_rate = -0.1), FailureKind::BadRequest, "learning rate -0.1"),
        (recipe(|r| r.momentum = 1.0), FailureKind::BadRequest, "momentum 1"),
        (recipe(|r| r.weight_decay = -1.0), FailureKind::BadRequest, "weight decay -1"),
        (TrainRequest { loss: soft(0.0), ..good() }, FailureKind::BadRequest, "temperature 0"),
        (TrainRequest { loss: soft(1.0), ..good() }, FailureKind::BadInput, "absent.pt"),
        (
            TrainRequest { split: Split { images: 50, holdout: 11 }, ..good() },
            FailureKind::BadInput,
            "50 images to train on and 11 held out are more than its 60",
        ),
        (
            TrainRequest { network: reference("resnet-9", 3), ..good() },
            FailureKind::BadInput,
            "resnet-9",
        ),
        (
            TrainRequest { network: reference("resnet-8", 4), ..good() },
            FailureKind::BadRequest,
            "to 4 classes",
        ),
        (
            TrainRequest {
                data: DataSource { name: "gone".into(), folder: "/nowhere".into() },
                ..good()
            },
            FailureKind::BadInput,
            "/nowhere",
        ),
    ];
    let mut bodies = vec![hello()];
    bodies.extend(cases.iter().map(|(train, ..)| WorkerRequest::Train(Box::new(train.clone()))));
    bodies.push(WorkerRequest::Data(toy.source.clone()));
    let answers = answers(bodies);
    for (answer, (_, kind, expected)) in answers[1..].iter().zip(&cases) {
        let (found, message) = refused(answer);
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        assert_eq!(found, *kind, "{message}");
    }
    assert!(answers[answers.len() - 1].is_ok());
}

#[test]
fn forward_refuses_what_does_not_fit_the_network() {
    let toy = Toy::new(60, 6);
    let network = reference::network("resnet-8:0.25", Some(INPUT), CLASSES).unwrap();
    let module = Module::initialised(network, TorchDevice::CPU, 1).unwrap();
    let path = toy.folder.path().join("some.safetensors");
    save(&module, &toy.read(), &path).unwrap();
    let forward = |weights: &PathBuf, dims: &[usize], values: usize| {
        WorkerRequest::Forward(ForwardRequest {
            network: request(&toy).network,
            weights: weights.clone(),
            input: TensorData { dims: dims.to_vec(), values: vec![0.0; values] },
        })
    };
    let absent = toy.folder.path().join("absent");
    let answers = answers(vec![
        hello(),
        forward(&path, &[1, 1, 8, 8], 64),
        forward(&path, &[1, 3, 8, 8], 192),
        forward(&path, &[1, 1, 8, 8], 63),
        forward(&path, &[], 0),
        forward(&path, &[0, 1, 8, 8], 0),
        forward(&path, &[usize::MAX, 1, 8, 8], 64),
        forward(&absent, &[1, 1, 8, 8], 64),
    ]);
    assert!(answers[1].is_ok());
    for answer in &answers[2..7] {
        let (kind, message) = refused(answer);
        assert_eq!(kind, FailureKind::BadRequest, "{message}");
        assert!(message.contains("takes [n, 1, 8, 8]"), "{message}");
    }
    assert!(refused(&answers[7]).1.contains("absent"));
}
