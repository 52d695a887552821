PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1349676081;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE candidate (
    idx INTEGER PRIMARY KEY,
    arch_id TEXT NOT NULL,
    choices TEXT NOT NULL,
    repeats INTEGER,
    log_prob REAL NOT NULL,
    params INTEGER NOT NULL,
    macs INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    accuracy REAL,
    latency_ns INTEGER,
    latency_lo_ns INTEGER,
    latency_hi_ns INTEGER,
    reward REAL,
    train_steps_ns INTEGER NOT NULL,
    teacher_ns INTEGER NOT NULL,
    train_other_ns INTEGER NOT NULL,
    timed_inference_ns INTEGER NOT NULL,
    measure_other_ns INTEGER NOT NULL
) STRICT;
INSERT INTO "candidate" VALUES(0,'8930f1d698f060e2','2 0 1 2 2 0 0 0 1 0 1 1 3 1 1 2 2 1 3 0 1 2 1 0 1 0 0 2 0 1 1 0 0 1 2 0 0 1 1 1 2 1',NULL,-4.21360115193592292808e+01,259063,4846680,'done',NULL,0.25,1048303,1048303,1048303,3.27667849586677439877e-01,1246425069,65,77293030,377389080,1280052200);
CREATE TABLE fact (
    key TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "fact" VALUES('setting.space','mnas');
INSERT INTO "fact" VALUES('setting.data','data');
INSERT INTO "fact" VALUES('setting.training images','200');
INSERT INTO "fact" VALUES('setting.held-out images','100');
INSERT INTO "fact" VALUES('setting.split','by class');
INSERT INTO "fact" VALUES('setting.teacher','none');
INSERT INTO "fact" VALUES('setting.teacher sha256','none');
INSERT INTO "fact" VALUES('setting.searching by','hard');
INSERT INTO "fact" VALUES('setting.epochs','1');
INSERT INTO "fact" VALUES('setting.batch','32');
INSERT INTO "fact" VALUES('setting.learning rate','0.05');
INSERT INTO "fact" VALUES('setting.momentum','0.9');
INSERT INTO "fact" VALUES('setting.weight decay','0.0001');
INSERT INTO "fact" VALUES('setting.flip','true');
INSERT INTO "fact" VALUES('setting.device','steady');
INSERT INTO "fact" VALUES('setting.cpus','all');
INSERT INTO "fact" VALUES('setting.threads','1');
INSERT INTO "fact" VALUES('setting.precision','f32');
INSERT INTO "fact" VALUES('setting.sustained','none');
INSERT INTO "fact" VALUES('setting.budget','50000000 ns');
INSERT INTO "fact" VALUES('setting.window','none');
INSERT INTO "fact" VALUES('setting.objective','soft:-0.07');
INSERT INTO "fact" VALUES('setting.latency','compensated');
INSERT INTO "fact" VALUES('setting.latency interval','±3 %');
INSERT INTO "fact" VALUES('setting.controller','{"update":"reinforce","batch":3,"learning_rate":0.06,"entropy_bonus":0.01,"baseline_decay":0.6,"max_grad_norm":1.0,"hidden":24,"embedding":8}');
INSERT INTO "fact" VALUES('setting.seed of weights','1149834607893591');
INSERT INTO "fact" VALUES('setting.seed of order','3130477580220397');
INSERT INTO "fact" VALUES('setting.seed of controller','6392864384851740');
INSERT INTO "fact" VALUES('setting.seed of measurement','350623351833396');
INSERT INTO "fact" VALUES('setting.torch device','auto');
INSERT INTO "fact" VALUES('setting.data sha256','6c08aca0744f98edf065c8b77a887add484f2d77be88b98f8d605ceb29d0aba4');
INSERT INTO "fact" VALUES('input','{"channels":1,"height":28,"width":28}');
INSERT INTO "fact" VALUES('classes','4');
INSERT INTO "fact" VALUES('command','pearl search --space mnas --data data --device steady --budget 50ms --candidates 1 --images 200 --holdout 100 --searching-by hard --out runs/first');
INSERT INTO "fact" VALUES('agent','{"protocol":6,"version":"0.1.0","build":"abababababababababababababababababababababababababababababababab","engine":{"name":"tract","version":"0.23.9"},"platform":{"arch":"x86_64","os":"linux","kernel":"6.1.0-28-amd64","cpu_model":"Some Processor @ 2.00GHz","cpus":[0,1],"clusters":[{"cpus":[0,1],"capacity":1024,"max_khz":null}],"memory_bytes":8589934592,"cgroup":{"memory_bytes":null,"cpu_milli":null},"android":null,"half_precision":false,"root":false,"boot_id":"3c0f6f6e-5c1b-4b57-9a0e-2f6f0d1c8e77","folder":"/tmp/pearl-1000"}}');
INSERT INTO "fact" VALUES('worker','{"protocol":6,"version":"0.1.0","torch":"2.13.0","torch_device":"cpu","threads":2}');
INSERT INTO "fact" VALUES('total','1');
INSERT INTO "fact" VALUES('program','0.1.0');
INSERT INTO "fact" VALUES('started','2026-11-28 09:19:14 UTC');
INSERT INTO "fact" VALUES('usual_speeds','{"20ba18fb26d97e4a":{"core_ns":100000,"network_ns":900000,"memory_ns":200000}}');
INSERT INTO "fact" VALUES('budget_ns','50000000');
INSERT INTO "fact" VALUES('marginals','[[0.256,0.265,0.223,0.256],[0.502,0.498],[0.526,0.474],[0.317,0.336,0.347],[0.344,0.337,0.319],[0.327,0.358,0.316],[0.27,0.233,0.265,0.232],[0.493,0.507],[0.51,0.49],[0.309,0.348,0.343],[0.323,0.356,0.32],[0.324,0.355,0.321],[0.227,0.264,0.265,0.244],[0.464,0.536],[0.501,0.499],[0.341,0.347,0.312],[0.291,0.364,0.345],[0.348,0.32,0.332],[0.239,0.252,0.246,0.264],[0.497,0.503],[0.497,0.503],[0.333,0.314,0.353],[0.349,0.326,0.325],[0.338,0.316,0.346],[0.259,0.248,0.238,0.255],[0.516,0.484],[0.513,0.487],[0.323,0.348,0.329],[0.331,0.33,0.339],[0.329,0.346,0.325],[0.256,0.255,0.255,0.234],[0.527,0.473],[0.507,0.493],[0.326,0.321,0.354],[0.324,0.356,0.32],[0.368,0.315,0.316],[0.23,0.261,0.281,0.228],[0.482,0.518],[0.448,0.552],[0.337,0.333,0.33],[0.328,0.328,0.344],[0.321,0.368,0.31]]');
INSERT INTO "fact" VALUES('wall_ns','7210990479');
INSERT INTO "fact" VALUES('ended','2026-11-28 09:19:19 UTC');
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY,
    candidate INTEGER REFERENCES candidate (idx),
    verdict TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
INSERT INTO "measurement" VALUES(1,0,'stable','{"model":{"path":"model.onnx","sha256":"d5a9eabfcd8fd037f68d2efd764ac57b9c716f9b70f5414d18f4a41cc4e0f914"},"device":"local","fingerprint":{"arch":"x86_64","os":"linux","cpu_model":"Some Processor @ 2.00GHz","soc":null,"cpus":[],"governor":null,"threads":1,"precision":"f32","engine":{"name":"tract","version":"0.23.9"},"agent_version":"0.1.0","agent_build":"abababababababababababababababababababababababababababababababab"},"platform":{"arch":"x86_64","os":"linux","kernel":"6.1.0-28-amd64","cpu_model":"Some Processor @ 2.00GHz","cpus":[0,1],"clusters":[{"cpus":[0,1],"capacity":1024,"max_khz":null}],"memory_bytes":8589934592,"cgroup":{"memory_bytes":null,"cpu_milli":null},"android":null,"half_precision":false,"root":false,"boot_id":"3c0f6f6e-5c1b-4b57-9a0e-2f6f0d1c8e77","folder":"/tmp/pearl-1000"},"latency":{"point":1048303,"lo":1048303,"hi":1048303,"n":360},"compensated":{"latency":{"point":1048303,"lo":1048303,"hi":1048303,"n":360},"usual":{"core_ns":100000,"network_ns":900000,"memory_ns":200000},"elasticity":[0.8,0.1],"slowdown":0.0,"least_slowdown":0.0,"core_slowdown":0.0,"network_slowdown":0.0,"memory_slowdown":0.0,"undisturbed":1.0},"usual_from":"device","judgement":{"verdict":"stable","evidence":[],"remarks":["a remark"]},"launches":[{"inputs":[{"name":"input","dims":[1,1,28,28],"type":"f32","assumed_batch":false,"values":"uniform from -1 to 1","chosen":false}],"load_ns":7703723,"optimise_ns":148175943,"warm_up_ns":[1930954,1311779,1233040],"steady":true,"samples_ns":[1048203,1048303,1048403,1048203,1048303,1048403,1048203,1048303],"blocks":[4,4],"readings":[{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000}],"cpu_ns":62898180,"wall_ns":62898180,"involuntary_switches":0,"clock":{"resolution_ns":1,"overhead_ns":20},"threads":1,"peak_memory_bytes":25006080,"energy_uj":null,"state_before":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3840,"memory_available_bytes":4294967296,"battery":null},"state_after":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3840,"memory_available_bytes":4294967296,"battery":null}},{"inputs":[{"name":"input","dims":[1,1,28,28],"type":"f32","assumed_batch":false,"values":"uniform from -1 to 1","chosen":false}],"load_ns":4764777,"optimise_ns":157664859,"warm_up_ns":[2683617,2115465,2048247],"steady":true,"samples_ns":[1048203,1048303,1048403,1048203,1048303,1048403,1048203,1048303],"blocks":[4,4],"readings":[{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000}],"cpu_ns":62898180,"wall_ns":62898180,"involuntary_switches":0,"clock":{"resolution_ns":1,"overhead_ns":20},"threads":1,"peak_memory_bytes":25145344,"energy_uj":null,"state_before":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3840,"memory_available_bytes":4294967296,"battery":null},"state_after":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3840,"memory_available_bytes":4294967296,"battery":null}},{"inputs":[{"name":"input","dims":[1,1,28,28],"type":"f32","assumed_batch":false,"values":"uniform from -1 to 1","chosen":false}],"load_ns":3453938,"optimise_ns":124816003,"warm_up_ns":[2627746,2078820,1895876],"steady":true,"samples_ns":[1048203,1048303,1048403,1048203,1048303,1048403,1048203,1048303],"blocks":[4,4],"readings":[{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000}],"cpu_ns":62898180,"wall_ns":62898180,"involuntary_switches":0,"clock":{"resolution_ns":1,"overhead_ns":20},"threads":1,"peak_memory_bytes":25243648,"energy_uj":null,"state_before":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null},"state_after":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null}},{"inputs":[{"name":"input","dims":[1,1,28,28],"type":"f32","assumed_batch":false,"values":"uniform from -1 to 1","chosen":false}],"load_ns":5467651,"optimise_ns":140687029,"warm_up_ns":[2579785,2148891,2016652],"steady":true,"samples_ns":[1048203,1048303,1048403,1048203,1048303,1048403,1048203,1048303],"blocks":[4,4],"readings":[{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000}],"cpu_ns":62898180,"wall_ns":62898180,"involuntary_switches":0,"clock":{"resolution_ns":1,"overhead_ns":20},"threads":1,"peak_memory_bytes":24735744,"energy_uj":null,"state_before":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null},"state_after":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null}},{"inputs":[{"name":"input","dims":[1,1,28,28],"type":"f32","assumed_batch":false,"values":"uniform from -1 to 1","chosen":false}],"load_ns":4791783,"optimise_ns":182249241,"warm_up_ns":[2577088,2172474,2157628],"steady":true,"samples_ns":[1048203,1048303,1048403,1048203,1048303,1048403,1048203,1048303],"blocks":[4,4],"readings":[{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000}],"cpu_ns":62898180,"wall_ns":62898180,"involuntary_switches":0,"clock":{"resolution_ns":1,"overhead_ns":20},"threads":1,"peak_memory_bytes":24907776,"energy_uj":null,"state_before":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null},"state_after":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null}},{"inputs":[{"name":"input","dims":[1,1,28,28],"type":"f32","assumed_batch":false,"values":"uniform from -1 to 1","chosen":false}],"load_ns":4463164,"optimise_ns":138843738,"warm_up_ns":[2630623,2022998,1996558],"steady":true,"samples_ns":[1048203,1048303,1048403,1048203,1048303,1048403,1048203,1048303],"blocks":[4,4],"readings":[{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000},{"core_ns":100000,"network_ns":900000,"memory_ns":200000,"cpu_ns":1200000,"wall_ns":1200000}],"cpu_ns":62898180,"wall_ns":62898180,"involuntary_switches":0,"clock":{"resolution_ns":1,"overhead_ns":20},"threads":1,"peak_memory_bytes":25063424,"energy_uj":null,"state_before":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null},"state_after":{"frequency_khz":[],"governor":null,"temperature_mc":[],"load_milli":3770,"memory_available_bytes":4294967296,"battery":null}}],"contended":[false,false,false,false,false,false],"sustained":null}');
CREATE TABLE policy (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    state BLOB NOT NULL
) STRICT;
INSERT INTO "policy" VALUES(0,X'00');
COMMIT;
