BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE api_keys (
	key_id TEXT NOT NULL, 
	secret_sha256 VARCHAR(64) NOT NULL, 
	station TEXT NOT NULL, 
	note TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by TEXT NOT NULL, 
	revoked_at BIGINT, 
	last_used_at BIGINT, 
	CONSTRAINT pk_api_keys PRIMARY KEY (key_id), 
	CONSTRAINT fk_api_keys_station FOREIGN KEY(station) REFERENCES stations (name)
);
INSERT INTO "api_keys" VALUES('7iuat9rhfw','26141d6f220e31b85855b09a5c3c18dd17ac3e26638c6a40de39cd3730c5eda8','line-1','left camera',1772438400000000,'li',NULL,NULL);
CREATE TABLE audit (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	who TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	details TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1772438400000000,'system','user added','user:li','{"role": "admin"}');
INSERT INTO "audit" VALUES(2,1772438400000000,'li','login','user:li','{}');
INSERT INTO "audit" VALUES(3,1772438400000000,'li','station added','station:line-1','{}');
INSERT INTO "audit" VALUES(4,1772438400000000,'li','key created','key:7iuat9rhfw','{"note": "left camera", "station": "line-1"}');
INSERT INTO "audit" VALUES(5,1772438400000000,'li','reviewed','result:01JNAAAAAAAAAAAAAAAAAAAAA1','{"comment": "it''s only a scar", "decision": "override", "grade": "B", "revision": "1"}');
INSERT INTO "audit" VALUES(6,1772438400000000,'li','standard edition added','standard:acme','{"edition": "1", "note": "first"}');
INSERT INTO "audit" VALUES(7,1772438400000000,'li','standard edition in force','standard:acme','{"edition": "1", "note": "agreed"}');
INSERT INTO "audit" VALUES(8,1772438400000000,'li','recipe version added','recipe:derby','{"note": "头", "version": "1"}');
INSERT INTO "audit" VALUES(9,1772438400000000,'li','recipe version in force','recipe:derby','{"note": "头", "version": "1"}');
INSERT INTO "audit" VALUES(10,1772438400000000,'line-1','recipe of station set','station:line-1','{"recipe": "derby"}');
CREATE TABLE calibration_checks (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	calibration_id VARCHAR(26) NOT NULL, 
	at BIGINT NOT NULL, 
	"by" TEXT NOT NULL, 
	scale_error DOUBLE NOT NULL, 
	worst_mm DOUBLE NOT NULL, 
	holds BOOLEAN NOT NULL, 
	CONSTRAINT fk_calibration_checks_calibration_id FOREIGN KEY(calibration_id) REFERENCES calibrations (calibration_id)
);
CREATE TABLE calibration_choices (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	station TEXT NOT NULL, 
	"view" TEXT NOT NULL, 
	calibration_id VARCHAR(26), 
	at BIGINT NOT NULL, 
	"by" TEXT NOT NULL, 
	CONSTRAINT fk_calibration_choices_calibration_id FOREIGN KEY(calibration_id) REFERENCES calibrations (calibration_id)
);
CREATE TABLE calibrations (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	calibration_id VARCHAR(26) NOT NULL, 
	name TEXT NOT NULL, 
	station TEXT NOT NULL, 
	"view" TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	made_by TEXT NOT NULL, 
	note TEXT NOT NULL, 
	content TEXT NOT NULL, 
	coverage_png BLOB, 
	CONSTRAINT fk_calibrations_station FOREIGN KEY(station) REFERENCES stations (name), 
	CONSTRAINT uq_calibrations_calibration_id UNIQUE (calibration_id), 
	CONSTRAINT uq_calibrations_name UNIQUE (name)
);
CREATE TABLE documents (
	sequence INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT pk_documents PRIMARY KEY (sequence), 
	CONSTRAINT fk_documents_sequence FOREIGN KEY(sequence) REFERENCES inspections (sequence)
);
INSERT INTO "documents" VALUES(1,'{"reasons": ["破洞"]}');
INSERT INTO "documents" VALUES(2,'{"schema": "welt.result/1"}');
CREATE TABLE faults (
	sequence INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	zone TEXT NOT NULL, 
	severity VARCHAR(8) NOT NULL, 
	created_at BIGINT NOT NULL, 
	found INTEGER NOT NULL, 
	CONSTRAINT pk_faults PRIMARY KEY (sequence, kind, zone, severity), 
	CONSTRAINT fk_faults_sequence FOREIGN KEY(sequence) REFERENCES inspections (sequence)
);
CREATE TABLE heartbeat (
	id INTEGER NOT NULL, 
	beat_at BIGINT NOT NULL, 
	CONSTRAINT pk_heartbeat PRIMARY KEY (id)
);
CREATE TABLE inspection_kinds (
	kind TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	sequence INTEGER NOT NULL, 
	grade VARCHAR(8) NOT NULL, 
	CONSTRAINT pk_inspection_kinds PRIMARY KEY (kind, created_at, sequence), 
	CONSTRAINT fk_inspection_kinds_sequence FOREIGN KEY(sequence) REFERENCES inspections (sequence)
);
INSERT INTO "inspection_kinds" VALUES('cut',1772438400000000,1,'C');
INSERT INTO "inspection_kinds" VALUES('hole',1772438400000000,1,'C');
CREATE TABLE inspections (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	result_id VARCHAR(26) NOT NULL, 
	created_at BIGINT NOT NULL, 
	captured_at BIGINT, 
	station TEXT NOT NULL, 
	"view" TEXT, 
	part_id TEXT, 
	pair_id TEXT, 
	foot VARCHAR(5), 
	lot_id TEXT, 
	style TEXT, 
	size TEXT, 
	recipe TEXT NOT NULL, 
	idempotency_key TEXT, 
	photo_sha256 VARCHAR(64) NOT NULL, 
	surface_ref TEXT, 
	grade VARCHAR(8) NOT NULL, 
	disposition VARCHAR(8) NOT NULL, 
	reviewed BOOLEAN NOT NULL, 
	review_revision INTEGER NOT NULL, 
	reviewed_grade VARCHAR(8), 
	CONSTRAINT uq_inspections_result_id UNIQUE (result_id), 
	CONSTRAINT uq_inspections_station_idempotency_key UNIQUE (station, idempotency_key)
);
INSERT INTO "inspections" VALUES(1,'01JNAAAAAAAAAAAAAAAAAAAAA1',1772438400000000,NULL,'line-1',NULL,NULL,NULL,NULL,NULL,'牛津鞋',NULL,'default','k1','55c64d0fcd6f9d5f7c828093857e3fdfda68478bb4e9bd24d481ef391c7804e8',NULL,'C','reject',1,1,'B');
INSERT INTO "inspections" VALUES(2,'01JNAAAAAAAAAAAAAAAAAAAAA2',1772438400000001,NULL,'line-1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'default',NULL,'55c64d0fcd6f9d5f7c828093857e3fdfda68478bb4e9bd24d481ef391c7804e8',NULL,'A','pass',0,0,NULL);
CREATE TABLE login_failures (
	name TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	last_at BIGINT NOT NULL, 
	CONSTRAINT pk_login_failures PRIMARY KEY (name)
);
CREATE TABLE lot_events (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	who TEXT NOT NULL, 
	event VARCHAR(16) NOT NULL, 
	product TEXT NOT NULL, 
	line TEXT NOT NULL, 
	lot INTEGER, 
	details TEXT NOT NULL, 
	CONSTRAINT fk_lot_events_lot FOREIGN KEY(lot) REFERENCES lots (number)
);
CREATE TABLE lots (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	lot_id TEXT NOT NULL, 
	product TEXT NOT NULL, 
	line TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	unit VARCHAR(8) NOT NULL, 
	mode VARCHAR(8) NOT NULL, 
	scheme TEXT NOT NULL, 
	"plan" TEXT NOT NULL, 
	resubmitted BOOLEAN NOT NULL, 
	opened_at BIGINT NOT NULL, 
	opened_by TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	decision VARCHAR(8), 
	CONSTRAINT uq_lots_lot_id UNIQUE (lot_id)
);
CREATE TABLE novelty_banks (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	recipe TEXT NOT NULL, 
	"view" TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	bank_sha256 VARCHAR(64), 
	model_sha256 VARCHAR(64), 
	details TEXT NOT NULL, 
	why TEXT NOT NULL, 
	made_by TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	CONSTRAINT uq_novelty_banks_recipe_view_version UNIQUE (recipe, "view", version)
);
CREATE TABLE recipe_activations (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	version INTEGER, 
	at BIGINT NOT NULL, 
	"by" TEXT NOT NULL, 
	note TEXT NOT NULL
);
INSERT INTO "recipe_activations" VALUES(1,'derby',1,1772438400000000,'li','头');
CREATE TABLE recipe_versions (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	style TEXT, 
	content TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by TEXT NOT NULL, 
	note TEXT NOT NULL, 
	CONSTRAINT uq_recipe_versions_name_version UNIQUE (name, version)
);
INSERT INTO "recipe_versions" VALUES(1,'derby',1,'德比','{}',1772438400000000,'li','头');
CREATE TABLE reviews (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	result_id VARCHAR(26) NOT NULL, 
	revision INTEGER NOT NULL, 
	decision VARCHAR(8) NOT NULL, 
	grade VARCHAR(8) NOT NULL, 
	comment TEXT NOT NULL, 
	reviewer TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT fk_reviews_result_id FOREIGN KEY(result_id) REFERENCES inspections (result_id), 
	CONSTRAINT uq_reviews_result_id_revision UNIQUE (result_id, revision)
);
INSERT INTO "reviews" VALUES(1,'01JNAAAAAAAAAAAAAAAAAAAAA1',1,'override','B','it''s only a scar','li',1772438400000000);
CREATE TABLE sessions (
	token_sha256 VARCHAR(64) NOT NULL, 
	user_name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (token_sha256), 
	CONSTRAINT fk_sessions_user_name FOREIGN KEY(user_name) REFERENCES users (name)
);
INSERT INTO "sessions" VALUES('ba97f05632d5723a7d7aa704e700b3f3f6ef67431a6ec2066ecca2e0d2866114','li',1772438400000000,1772481600000000);
CREATE TABLE set_verdicts (
	sequence INTEGER NOT NULL, 
	scope VARCHAR(8) NOT NULL, 
	grade VARCHAR(8) NOT NULL, 
	critical INTEGER NOT NULL, 
	major INTEGER NOT NULL, 
	minor INTEGER NOT NULL, 
	CONSTRAINT pk_set_verdicts PRIMARY KEY (sequence, scope), 
	CONSTRAINT fk_set_verdicts_sequence FOREIGN KEY(sequence) REFERENCES inspections (sequence)
);
CREATE TABLE standard_activations (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	standard_id TEXT NOT NULL, 
	edition TEXT, 
	at BIGINT NOT NULL, 
	"by" TEXT NOT NULL, 
	note TEXT NOT NULL
);
INSERT INTO "standard_activations" VALUES(1,'acme','1',1772438400000000,'li','agreed');
CREATE TABLE standard_editions (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	standard_id TEXT NOT NULL, 
	edition TEXT NOT NULL, 
	content TEXT NOT NULL, 
	source TEXT NOT NULL, 
	added_at BIGINT NOT NULL, 
	added_by TEXT NOT NULL, 
	note TEXT NOT NULL, 
	CONSTRAINT uq_standard_editions_standard_id_edition UNIQUE (standard_id, edition)
);
INSERT INTO "standard_editions" VALUES(1,'acme','1','{}','# 标准',1772438400000000,'li','first');
CREATE TABLE station_recipes (
	station TEXT NOT NULL, 
	recipe TEXT NOT NULL, 
	style TEXT, 
	set_at BIGINT NOT NULL, 
	set_by TEXT NOT NULL, 
	CONSTRAINT pk_station_recipes PRIMARY KEY (station), 
	CONSTRAINT fk_station_recipes_station FOREIGN KEY(station) REFERENCES stations (name)
);
INSERT INTO "station_recipes" VALUES('line-1','derby',NULL,1772438400000000,'line-1');
CREATE TABLE stations (
	name TEXT NOT NULL, 
	description TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	CONSTRAINT pk_stations PRIMARY KEY (name)
);
INSERT INTO "stations" VALUES('line-1','',1772438400000000,NULL);
CREATE TABLE teachings (
	teaching_id VARCHAR(26) NOT NULL, 
	recipe TEXT NOT NULL, 
	"view" TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	progress INTEGER NOT NULL, 
	details TEXT NOT NULL, 
	started_by TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	CONSTRAINT pk_teachings PRIMARY KEY (teaching_id)
);
CREATE TABLE users (
	name TEXT NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	password_hash TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	last_login_at BIGINT, 
	CONSTRAINT pk_users PRIMARY KEY (name), 
	CONSTRAINT ck_users_ck_users_role CHECK (role in ('viewer', 'inspector', 'engineer', 'admin'))
);
INSERT INTO "users" VALUES('li','admin','$argon2id$v=19$m=64,t=1,p=1$l15eN8iA2bAfmE3JR15VYg$YOX5by3bZfWGGbHd5lZofwWtap0lKRpSbGp6lisl6Vk',1772438400000000,NULL,1772438400000000);
CREATE INDEX ix_audit_subject_sequence ON audit (subject, sequence);
CREATE INDEX ix_audit_who_sequence ON audit (who, sequence);
CREATE INDEX ix_inspections_created_at_sequence ON inspections (created_at, sequence);
CREATE INDEX ix_inspections_grade_created_at_sequence ON inspections (grade, created_at, sequence);
CREATE INDEX ix_inspections_lot_id_created_at_sequence ON inspections (lot_id, created_at, sequence);
CREATE INDEX ix_inspections_part_id_created_at_sequence ON inspections (part_id, created_at, sequence);
CREATE INDEX ix_inspections_reviewed_created_at_sequence ON inspections (reviewed, created_at, sequence);
CREATE INDEX ix_inspections_station_created_at_sequence ON inspections (station, created_at, sequence);
CREATE INDEX ix_inspections_style_created_at_sequence ON inspections (style, created_at, sequence);
CREATE INDEX ix_inspections_view_created_at_sequence ON inspections ("view", created_at, sequence);
CREATE INDEX ix_login_failures_last_at ON login_failures (last_at);
CREATE INDEX ix_api_keys_station ON api_keys (station);
CREATE INDEX ix_inspection_kinds_kind_grade_created_at_sequence ON inspection_kinds (kind, grade, created_at, sequence);
CREATE INDEX ix_inspection_kinds_sequence ON inspection_kinds (sequence);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_sessions_user_name ON sessions (user_name);
CREATE TRIGGER audit_no_update before update on audit begin select raise(abort, 'audit is append-only'); end;
CREATE TRIGGER audit_no_delete before delete on audit begin select raise(abort, 'audit is append-only'); end;
CREATE TRIGGER reviews_no_update before update on reviews begin select raise(abort, 'reviews is append-only'); end;
CREATE TRIGGER reviews_no_delete before delete on reviews begin select raise(abort, 'reviews is append-only'); end;
CREATE INDEX ix_standard_activations_standard_id_sequence ON standard_activations (standard_id, sequence);
CREATE TRIGGER standard_editions_no_update before update on standard_editions begin select raise(abort, 'standard_editions is append-only'); end;
CREATE TRIGGER standard_editions_no_delete before delete on standard_editions begin select raise(abort, 'standard_editions is append-only'); end;
CREATE TRIGGER standard_activations_no_update before update on standard_activations begin select raise(abort, 'standard_activations is append-only'); end;
CREATE TRIGGER standard_activations_no_delete before delete on standard_activations begin select raise(abort, 'standard_activations is append-only'); end;
CREATE INDEX ix_teachings_recipe_view_started_at ON teachings (recipe, "view", started_at);
CREATE INDEX ix_inspections_pair_id_created_at_sequence ON inspections (pair_id, created_at, sequence);
CREATE INDEX ix_faults_created_at_sequence ON faults (created_at, sequence);
CREATE INDEX ix_lots_opened_at_number ON lots (opened_at, number);
CREATE INDEX ix_lots_decision_opened_at_number ON lots (decision, opened_at, number);
CREATE INDEX ix_lots_product_line_number ON lots (product, line, number);
CREATE INDEX ix_lot_events_product_line_sequence ON lot_events (product, line, sequence);
CREATE INDEX ix_lot_events_lot_sequence ON lot_events (lot, sequence);
CREATE TRIGGER lot_events_no_update before update on lot_events begin select raise(abort, 'lot_events is append-only'); end;
CREATE TRIGGER lot_events_no_delete before delete on lot_events begin select raise(abort, 'lot_events is append-only'); end;
CREATE INDEX ix_recipe_activations_name_sequence ON recipe_activations (name, sequence);
CREATE TRIGGER recipe_versions_no_update before update on recipe_versions begin select raise(abort, 'recipe_versions is append-only'); end;
CREATE TRIGGER recipe_versions_no_delete before delete on recipe_versions begin select raise(abort, 'recipe_versions is append-only'); end;
CREATE TRIGGER recipe_activations_no_update before update on recipe_activations begin select raise(abort, 'recipe_activations is append-only'); end;
CREATE TRIGGER recipe_activations_no_delete before delete on recipe_activations begin select raise(abort, 'recipe_activations is append-only'); end;
CREATE INDEX ix_calibrations_station_view_sequence ON calibrations (station, "view", sequence);
CREATE INDEX ix_calibration_choices_station_view_sequence ON calibration_choices (station, "view", sequence);
CREATE INDEX ix_calibration_checks_calibration_id_sequence ON calibration_checks (calibration_id, sequence);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('inspections',2);
INSERT INTO "sqlite_sequence" VALUES('audit',10);
INSERT INTO "sqlite_sequence" VALUES('reviews',1);
INSERT INTO "sqlite_sequence" VALUES('standard_editions',1);
INSERT INTO "sqlite_sequence" VALUES('standard_activations',1);
INSERT INTO "sqlite_sequence" VALUES('recipe_versions',1);
INSERT INTO "sqlite_sequence" VALUES('recipe_activations',1);
COMMIT;
