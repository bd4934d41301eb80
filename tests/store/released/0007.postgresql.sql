--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: audit_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'audit is append-only'; end $$;


--
-- Name: lot_events_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.lot_events_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'lot_events is append-only'; end $$;


--
-- Name: recipe_activations_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.recipe_activations_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'recipe_activations is append-only'; end $$;


--
-- Name: recipe_versions_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.recipe_versions_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'recipe_versions is append-only'; end $$;


--
-- Name: reviews_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.reviews_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'reviews is append-only'; end $$;


--
-- Name: standard_activations_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.standard_activations_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'standard_activations is append-only'; end $$;


--
-- Name: standard_editions_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.standard_editions_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin raise exception 'standard_editions is append-only'; end $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    key_id text NOT NULL,
    secret_sha256 character varying(64) NOT NULL,
    station text NOT NULL,
    note text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone
);


--
-- Name: audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit (
    sequence bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    who text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    details text NOT NULL
);


--
-- Name: audit_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.audit_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: audit_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.audit_sequence_seq OWNED BY public.audit.sequence;


--
-- Name: calibration_checks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.calibration_checks (
    sequence bigint NOT NULL,
    calibration_id character varying(26) NOT NULL,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    scale_error double precision NOT NULL,
    worst_mm double precision NOT NULL,
    holds boolean NOT NULL
);


--
-- Name: calibration_checks_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.calibration_checks_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: calibration_checks_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.calibration_checks_sequence_seq OWNED BY public.calibration_checks.sequence;


--
-- Name: calibration_choices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.calibration_choices (
    sequence bigint NOT NULL,
    station text NOT NULL,
    view text NOT NULL,
    calibration_id character varying(26),
    at timestamp with time zone NOT NULL,
    by text NOT NULL
);


--
-- Name: calibration_choices_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.calibration_choices_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: calibration_choices_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.calibration_choices_sequence_seq OWNED BY public.calibration_choices.sequence;


--
-- Name: calibrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.calibrations (
    sequence bigint NOT NULL,
    calibration_id character varying(26) NOT NULL,
    name text NOT NULL,
    station text NOT NULL,
    view text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    made_by text NOT NULL,
    note text NOT NULL,
    content text NOT NULL,
    coverage_png bytea
);


--
-- Name: calibrations_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.calibrations_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: calibrations_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.calibrations_sequence_seq OWNED BY public.calibrations.sequence;


--
-- Name: documents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.documents (
    sequence bigint NOT NULL,
    document text NOT NULL
);


--
-- Name: faults; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.faults (
    sequence bigint NOT NULL,
    kind text NOT NULL,
    zone text NOT NULL,
    severity character varying(8) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    found integer NOT NULL
);


--
-- Name: heartbeat; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.heartbeat (
    id integer NOT NULL,
    beat_at timestamp with time zone NOT NULL
);


--
-- Name: inspection_kinds; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inspection_kinds (
    kind text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sequence bigint NOT NULL,
    grade character varying(8) NOT NULL
);


--
-- Name: inspections; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inspections (
    sequence bigint NOT NULL,
    result_id character varying(26) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    captured_at timestamp with time zone,
    station text NOT NULL,
    view text,
    part_id text,
    pair_id text,
    foot character varying(5),
    lot_id text,
    style text,
    size text,
    recipe text NOT NULL,
    idempotency_key text,
    photo_sha256 character varying(64) NOT NULL,
    surface_ref text,
    grade character varying(8) NOT NULL,
    disposition character varying(8) NOT NULL,
    reviewed boolean NOT NULL,
    review_revision integer NOT NULL,
    reviewed_grade character varying(8)
);


--
-- Name: inspections_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.inspections_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: inspections_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.inspections_sequence_seq OWNED BY public.inspections.sequence;


--
-- Name: login_failures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.login_failures (
    name text NOT NULL,
    failures integer NOT NULL,
    last_at timestamp with time zone NOT NULL
);


--
-- Name: lot_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lot_events (
    sequence bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    who text NOT NULL,
    event character varying(16) NOT NULL,
    product text NOT NULL,
    line text NOT NULL,
    lot bigint,
    details text NOT NULL
);


--
-- Name: lot_events_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.lot_events_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: lot_events_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.lot_events_sequence_seq OWNED BY public.lot_events.sequence;


--
-- Name: lots; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lots (
    number bigint NOT NULL,
    lot_id text NOT NULL,
    product text NOT NULL,
    line text NOT NULL,
    size bigint NOT NULL,
    unit character varying(8) NOT NULL,
    mode character varying(8) NOT NULL,
    scheme text NOT NULL,
    plan text NOT NULL,
    resubmitted boolean NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    revision integer NOT NULL,
    decision character varying(8)
);


--
-- Name: lots_number_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.lots_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: lots_number_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.lots_number_seq OWNED BY public.lots.number;


--
-- Name: novelty_banks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.novelty_banks (
    sequence bigint NOT NULL,
    recipe text NOT NULL,
    view text NOT NULL,
    version integer NOT NULL,
    bank_sha256 character varying(64),
    model_sha256 character varying(64),
    details text NOT NULL,
    why text NOT NULL,
    made_by text NOT NULL,
    made_at timestamp with time zone NOT NULL
);


--
-- Name: novelty_banks_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.novelty_banks_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: novelty_banks_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.novelty_banks_sequence_seq OWNED BY public.novelty_banks.sequence;


--
-- Name: recipe_activations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.recipe_activations (
    sequence bigint NOT NULL,
    name text NOT NULL,
    version integer,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    note text NOT NULL
);


--
-- Name: recipe_activations_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.recipe_activations_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: recipe_activations_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.recipe_activations_sequence_seq OWNED BY public.recipe_activations.sequence;


--
-- Name: recipe_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.recipe_versions (
    sequence bigint NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    style text,
    content text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    note text NOT NULL
);


--
-- Name: recipe_versions_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.recipe_versions_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: recipe_versions_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.recipe_versions_sequence_seq OWNED BY public.recipe_versions.sequence;


--
-- Name: reviews; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reviews (
    sequence bigint NOT NULL,
    result_id character varying(26) NOT NULL,
    revision integer NOT NULL,
    decision character varying(8) NOT NULL,
    grade character varying(8) NOT NULL,
    comment text NOT NULL,
    reviewer text NOT NULL,
    at timestamp with time zone NOT NULL
);


--
-- Name: reviews_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.reviews_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: reviews_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.reviews_sequence_seq OWNED BY public.reviews.sequence;


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    token_sha256 character varying(64) NOT NULL,
    user_name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


--
-- Name: set_verdicts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.set_verdicts (
    sequence bigint NOT NULL,
    scope character varying(8) NOT NULL,
    grade character varying(8) NOT NULL,
    critical integer NOT NULL,
    major integer NOT NULL,
    minor integer NOT NULL
);


--
-- Name: standard_activations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.standard_activations (
    sequence bigint NOT NULL,
    standard_id text NOT NULL,
    edition text,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    note text NOT NULL
);


--
-- Name: standard_activations_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.standard_activations_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: standard_activations_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.standard_activations_sequence_seq OWNED BY public.standard_activations.sequence;


--
-- Name: standard_editions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.standard_editions (
    sequence bigint NOT NULL,
    standard_id text NOT NULL,
    edition text NOT NULL,
    content text NOT NULL,
    source text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    added_by text NOT NULL,
    note text NOT NULL
);


--
-- Name: standard_editions_sequence_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.standard_editions_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: standard_editions_sequence_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.standard_editions_sequence_seq OWNED BY public.standard_editions.sequence;


--
-- Name: station_recipes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.station_recipes (
    station text NOT NULL,
    recipe text NOT NULL,
    style text,
    set_at timestamp with time zone NOT NULL,
    set_by text NOT NULL
);


--
-- Name: stations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stations (
    name text NOT NULL,
    description text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone
);


--
-- Name: teachings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.teachings (
    teaching_id character varying(26) NOT NULL,
    recipe text NOT NULL,
    view text NOT NULL,
    state character varying(16) NOT NULL,
    progress integer NOT NULL,
    details text NOT NULL,
    started_by text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    name text NOT NULL,
    role character varying(16) NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    last_login_at timestamp with time zone,
    CONSTRAINT ck_users_ck_users_role CHECK (((role)::text = ANY ((ARRAY['viewer'::character varying, 'inspector'::character varying, 'engineer'::character varying, 'admin'::character varying])::text[])))
);


--
-- Name: audit sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit ALTER COLUMN sequence SET DEFAULT nextval('public.audit_sequence_seq'::regclass);


--
-- Name: calibration_checks sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibration_checks ALTER COLUMN sequence SET DEFAULT nextval('public.calibration_checks_sequence_seq'::regclass);


--
-- Name: calibration_choices sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibration_choices ALTER COLUMN sequence SET DEFAULT nextval('public.calibration_choices_sequence_seq'::regclass);


--
-- Name: calibrations sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibrations ALTER COLUMN sequence SET DEFAULT nextval('public.calibrations_sequence_seq'::regclass);


--
-- Name: inspections sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inspections ALTER COLUMN sequence SET DEFAULT nextval('public.inspections_sequence_seq'::regclass);


--
-- Name: lot_events sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lot_events ALTER COLUMN sequence SET DEFAULT nextval('public.lot_events_sequence_seq'::regclass);


--
-- Name: lots number; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lots ALTER COLUMN number SET DEFAULT nextval('public.lots_number_seq'::regclass);


--
-- Name: novelty_banks sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.novelty_banks ALTER COLUMN sequence SET DEFAULT nextval('public.novelty_banks_sequence_seq'::regclass);


--
-- Name: recipe_activations sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipe_activations ALTER COLUMN sequence SET DEFAULT nextval('public.recipe_activations_sequence_seq'::regclass);


--
-- Name: recipe_versions sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipe_versions ALTER COLUMN sequence SET DEFAULT nextval('public.recipe_versions_sequence_seq'::regclass);


--
-- Name: reviews sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reviews ALTER COLUMN sequence SET DEFAULT nextval('public.reviews_sequence_seq'::regclass);


--
-- Name: standard_activations sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.standard_activations ALTER COLUMN sequence SET DEFAULT nextval('public.standard_activations_sequence_seq'::regclass);


--
-- Name: standard_editions sequence; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.standard_editions ALTER COLUMN sequence SET DEFAULT nextval('public.standard_editions_sequence_seq'::regclass);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0007');


--
-- Data for Name: api_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.api_keys VALUES ('imutk5nkt8', 'a5c065207b555e611005f8a6e054c94c3f9a409312e41df58d34decb218b3d98', 'line-1', 'left camera', '2026-03-02 08:00:00+00', 'li', NULL, NULL);


--
-- Data for Name: audit; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit VALUES (1, '2026-03-02 08:00:00+00', 'system', 'user added', 'user:li', '{"role": "admin"}');
INSERT INTO public.audit VALUES (2, '2026-03-02 08:00:00+00', 'li', 'login', 'user:li', '{}');
INSERT INTO public.audit VALUES (3, '2026-03-02 08:00:00+00', 'li', 'station added', 'station:line-1', '{}');
INSERT INTO public.audit VALUES (4, '2026-03-02 08:00:00+00', 'li', 'key created', 'key:imutk5nkt8', '{"note": "left camera", "station": "line-1"}');
INSERT INTO public.audit VALUES (5, '2026-03-02 08:00:00+00', 'li', 'reviewed', 'result:01JNAAAAAAAAAAAAAAAAAAAAA1', '{"comment": "it''s only a scar", "decision": "override", "grade": "B", "revision": "1"}');
INSERT INTO public.audit VALUES (6, '2026-03-02 08:00:00+00', 'li', 'standard edition added', 'standard:acme', '{"edition": "1", "note": "first"}');
INSERT INTO public.audit VALUES (7, '2026-03-02 08:00:00+00', 'li', 'standard edition in force', 'standard:acme', '{"edition": "1", "note": "agreed"}');
INSERT INTO public.audit VALUES (8, '2026-03-02 08:00:00+00', 'li', 'recipe version added', 'recipe:derby', '{"note": "头", "version": "1"}');
INSERT INTO public.audit VALUES (9, '2026-03-02 08:00:00+00', 'li', 'recipe version in force', 'recipe:derby', '{"note": "头", "version": "1"}');
INSERT INTO public.audit VALUES (10, '2026-03-02 08:00:00+00', 'line-1', 'recipe of station set', 'station:line-1', '{"recipe": "derby"}');


--
-- Data for Name: calibration_checks; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: calibration_choices; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: calibrations; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: documents; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.documents VALUES (1, '{"reasons": ["破洞"]}');
INSERT INTO public.documents VALUES (2, '{"schema": "welt.result/1"}');


--
-- Data for Name: faults; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: heartbeat; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inspection_kinds; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inspection_kinds VALUES ('cut', '2026-03-02 08:00:00+00', 1, 'C');
INSERT INTO public.inspection_kinds VALUES ('hole', '2026-03-02 08:00:00+00', 1, 'C');


--
-- Data for Name: inspections; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inspections VALUES (2, '01JNAAAAAAAAAAAAAAAAAAAAA2', '2026-03-02 08:00:00.000001+00', NULL, 'line-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'default', NULL, '55c64d0fcd6f9d5f7c828093857e3fdfda68478bb4e9bd24d481ef391c7804e8', NULL, 'A', 'pass', false, 0, NULL);
INSERT INTO public.inspections VALUES (1, '01JNAAAAAAAAAAAAAAAAAAAAA1', '2026-03-02 08:00:00+00', NULL, 'line-1', NULL, NULL, NULL, NULL, NULL, '牛津鞋', NULL, 'default', 'k1', '55c64d0fcd6f9d5f7c828093857e3fdfda68478bb4e9bd24d481ef391c7804e8', NULL, 'C', 'reject', true, 1, 'B');


--
-- Data for Name: login_failures; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lot_events; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: lots; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: novelty_banks; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: recipe_activations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.recipe_activations VALUES (1, 'derby', 1, '2026-03-02 08:00:00+00', 'li', '头');


--
-- Data for Name: recipe_versions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.recipe_versions VALUES (1, 'derby', 1, '德比', '{}', '2026-03-02 08:00:00+00', 'li', '头');


--
-- Data for Name: reviews; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.reviews VALUES (1, '01JNAAAAAAAAAAAAAAAAAAAAA1', 1, 'override', 'B', 'it''s only a scar', 'li', '2026-03-02 08:00:00+00');


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sessions VALUES ('6ad763949418244c5f3d323bbbb3bc3a7f2548873a9cf71fb5bd2b1f0f4632d3', 'li', '2026-03-02 08:00:00+00', '2026-03-02 20:00:00+00');


--
-- Data for Name: set_verdicts; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: standard_activations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.standard_activations VALUES (1, 'acme', '1', '2026-03-02 08:00:00+00', 'li', 'agreed');


--
-- Data for Name: standard_editions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.standard_editions VALUES (1, 'acme', '1', '{}', '# 标准', '2026-03-02 08:00:00+00', 'li', 'first');


--
-- Data for Name: station_recipes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.station_recipes VALUES ('line-1', 'derby', NULL, '2026-03-02 08:00:00+00', 'line-1');


--
-- Data for Name: stations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.stations VALUES ('line-1', '', '2026-03-02 08:00:00+00', NULL);


--
-- Data for Name: teachings; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('li', 'admin', '$argon2id$v=19$m=64,t=1,p=1$Oc1ltQXL/iy0L5mE1+B+wA$dgVr+LWA1EywU9u4EMSJs9CfvDICd2ECNslTaMTo1r4', '2026-03-02 08:00:00+00', NULL, '2026-03-02 08:00:00+00');


--
-- Name: audit_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.audit_sequence_seq', 10, true);


--
-- Name: calibration_checks_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.calibration_checks_sequence_seq', 1, false);


--
-- Name: calibration_choices_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.calibration_choices_sequence_seq', 1, false);


--
-- Name: calibrations_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.calibrations_sequence_seq', 1, false);


--
-- Name: inspections_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.inspections_sequence_seq', 2, true);


--
-- Name: lot_events_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lot_events_sequence_seq', 1, false);


--
-- Name: lots_number_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.lots_number_seq', 1, false);


--
-- Name: novelty_banks_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.novelty_banks_sequence_seq', 1, false);


--
-- Name: recipe_activations_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.recipe_activations_sequence_seq', 1, true);


--
-- Name: recipe_versions_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.recipe_versions_sequence_seq', 1, true);


--
-- Name: reviews_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.reviews_sequence_seq', 1, true);


--
-- Name: standard_activations_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.standard_activations_sequence_seq', 1, true);


--
-- Name: standard_editions_sequence_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.standard_editions_sequence_seq', 1, true);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: api_keys pk_api_keys; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (key_id);


--
-- Name: audit pk_audit; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (sequence);


--
-- Name: calibration_checks pk_calibration_checks; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibration_checks
    ADD CONSTRAINT pk_calibration_checks PRIMARY KEY (sequence);


--
-- Name: calibration_choices pk_calibration_choices; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibration_choices
    ADD CONSTRAINT pk_calibration_choices PRIMARY KEY (sequence);


--
-- Name: calibrations pk_calibrations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibrations
    ADD CONSTRAINT pk_calibrations PRIMARY KEY (sequence);


--
-- Name: documents pk_documents; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT pk_documents PRIMARY KEY (sequence);


--
-- Name: faults pk_faults; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.faults
    ADD CONSTRAINT pk_faults PRIMARY KEY (sequence, kind, zone, severity);


--
-- Name: heartbeat pk_heartbeat; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.heartbeat
    ADD CONSTRAINT pk_heartbeat PRIMARY KEY (id);


--
-- Name: inspection_kinds pk_inspection_kinds; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inspection_kinds
    ADD CONSTRAINT pk_inspection_kinds PRIMARY KEY (kind, created_at, sequence);


--
-- Name: inspections pk_inspections; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT pk_inspections PRIMARY KEY (sequence);


--
-- Name: login_failures pk_login_failures; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.login_failures
    ADD CONSTRAINT pk_login_failures PRIMARY KEY (name);


--
-- Name: lot_events pk_lot_events; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lot_events
    ADD CONSTRAINT pk_lot_events PRIMARY KEY (sequence);


--
-- Name: lots pk_lots; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lots
    ADD CONSTRAINT pk_lots PRIMARY KEY (number);


--
-- Name: novelty_banks pk_novelty_banks; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.novelty_banks
    ADD CONSTRAINT pk_novelty_banks PRIMARY KEY (sequence);


--
-- Name: recipe_activations pk_recipe_activations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipe_activations
    ADD CONSTRAINT pk_recipe_activations PRIMARY KEY (sequence);


--
-- Name: recipe_versions pk_recipe_versions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipe_versions
    ADD CONSTRAINT pk_recipe_versions PRIMARY KEY (sequence);


--
-- Name: reviews pk_reviews; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT pk_reviews PRIMARY KEY (sequence);


--
-- Name: sessions pk_sessions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (token_sha256);


--
-- Name: set_verdicts pk_set_verdicts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.set_verdicts
    ADD CONSTRAINT pk_set_verdicts PRIMARY KEY (sequence, scope);


--
-- Name: standard_activations pk_standard_activations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.standard_activations
    ADD CONSTRAINT pk_standard_activations PRIMARY KEY (sequence);


--
-- Name: standard_editions pk_standard_editions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.standard_editions
    ADD CONSTRAINT pk_standard_editions PRIMARY KEY (sequence);


--
-- Name: station_recipes pk_station_recipes; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.station_recipes
    ADD CONSTRAINT pk_station_recipes PRIMARY KEY (station);


--
-- Name: stations pk_stations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stations
    ADD CONSTRAINT pk_stations PRIMARY KEY (name);


--
-- Name: teachings pk_teachings; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.teachings
    ADD CONSTRAINT pk_teachings PRIMARY KEY (teaching_id);


--
-- Name: users pk_users; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (name);


--
-- Name: calibrations uq_calibrations_calibration_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibrations
    ADD CONSTRAINT uq_calibrations_calibration_id UNIQUE (calibration_id);


--
-- Name: calibrations uq_calibrations_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibrations
    ADD CONSTRAINT uq_calibrations_name UNIQUE (name);


--
-- Name: inspections uq_inspections_result_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT uq_inspections_result_id UNIQUE (result_id);


--
-- Name: inspections uq_inspections_station_idempotency_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT uq_inspections_station_idempotency_key UNIQUE (station, idempotency_key);


--
-- Name: lots uq_lots_lot_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lots
    ADD CONSTRAINT uq_lots_lot_id UNIQUE (lot_id);


--
-- Name: novelty_banks uq_novelty_banks_recipe_view_version; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.novelty_banks
    ADD CONSTRAINT uq_novelty_banks_recipe_view_version UNIQUE (recipe, view, version);


--
-- Name: recipe_versions uq_recipe_versions_name_version; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.recipe_versions
    ADD CONSTRAINT uq_recipe_versions_name_version UNIQUE (name, version);


--
-- Name: reviews uq_reviews_result_id_revision; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT uq_reviews_result_id_revision UNIQUE (result_id, revision);


--
-- Name: standard_editions uq_standard_editions_standard_id_edition; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.standard_editions
    ADD CONSTRAINT uq_standard_editions_standard_id_edition UNIQUE (standard_id, edition);


--
-- Name: ix_api_keys_station; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_api_keys_station ON public.api_keys USING btree (station);


--
-- Name: ix_audit_subject_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_audit_subject_sequence ON public.audit USING btree (subject, sequence);


--
-- Name: ix_audit_who_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_audit_who_sequence ON public.audit USING btree (who, sequence);


--
-- Name: ix_calibration_checks_calibration_id_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_calibration_checks_calibration_id_sequence ON public.calibration_checks USING btree (calibration_id, sequence);


--
-- Name: ix_calibration_choices_station_view_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_calibration_choices_station_view_sequence ON public.calibration_choices USING btree (station, view, sequence);


--
-- Name: ix_calibrations_station_view_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_calibrations_station_view_sequence ON public.calibrations USING btree (station, view, sequence);


--
-- Name: ix_faults_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_faults_created_at_sequence ON public.faults USING btree (created_at, sequence);


--
-- Name: ix_inspection_kinds_kind_grade_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspection_kinds_kind_grade_created_at_sequence ON public.inspection_kinds USING btree (kind, grade, created_at, sequence);


--
-- Name: ix_inspection_kinds_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspection_kinds_sequence ON public.inspection_kinds USING btree (sequence);


--
-- Name: ix_inspections_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_created_at_sequence ON public.inspections USING btree (created_at, sequence);


--
-- Name: ix_inspections_grade_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_grade_created_at_sequence ON public.inspections USING btree (grade, created_at, sequence);


--
-- Name: ix_inspections_lot_id_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_lot_id_created_at_sequence ON public.inspections USING btree (lot_id, created_at, sequence);


--
-- Name: ix_inspections_pair_id_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_pair_id_created_at_sequence ON public.inspections USING btree (pair_id, created_at, sequence);


--
-- Name: ix_inspections_part_id_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_part_id_created_at_sequence ON public.inspections USING btree (part_id, created_at, sequence);


--
-- Name: ix_inspections_reviewed_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_reviewed_created_at_sequence ON public.inspections USING btree (reviewed, created_at, sequence);


--
-- Name: ix_inspections_station_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_station_created_at_sequence ON public.inspections USING btree (station, created_at, sequence);


--
-- Name: ix_inspections_style_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_style_created_at_sequence ON public.inspections USING btree (style, created_at, sequence);


--
-- Name: ix_inspections_view_created_at_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_inspections_view_created_at_sequence ON public.inspections USING btree (view, created_at, sequence);


--
-- Name: ix_login_failures_last_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_login_failures_last_at ON public.login_failures USING btree (last_at);


--
-- Name: ix_lot_events_lot_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lot_events_lot_sequence ON public.lot_events USING btree (lot, sequence);


--
-- Name: ix_lot_events_product_line_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lot_events_product_line_sequence ON public.lot_events USING btree (product, line, sequence);


--
-- Name: ix_lots_decision_opened_at_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lots_decision_opened_at_number ON public.lots USING btree (decision, opened_at, number);


--
-- Name: ix_lots_opened_at_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lots_opened_at_number ON public.lots USING btree (opened_at, number);


--
-- Name: ix_lots_product_line_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_lots_product_line_number ON public.lots USING btree (product, line, number);


--
-- Name: ix_recipe_activations_name_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_recipe_activations_name_sequence ON public.recipe_activations USING btree (name, sequence);


--
-- Name: ix_sessions_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_expires_at ON public.sessions USING btree (expires_at);


--
-- Name: ix_sessions_user_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_sessions_user_name ON public.sessions USING btree (user_name);


--
-- Name: ix_standard_activations_standard_id_sequence; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_standard_activations_standard_id_sequence ON public.standard_activations USING btree (standard_id, sequence);


--
-- Name: ix_teachings_recipe_view_started_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_teachings_recipe_view_started_at ON public.teachings USING btree (recipe, view, started_at);


--
-- Name: audit audit_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();


--
-- Name: lot_events lot_events_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER lot_events_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.lot_events FOR EACH STATEMENT EXECUTE FUNCTION public.lot_events_is_append_only();


--
-- Name: recipe_activations recipe_activations_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER recipe_activations_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.recipe_activations FOR EACH STATEMENT EXECUTE FUNCTION public.recipe_activations_is_append_only();


--
-- Name: recipe_versions recipe_versions_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER recipe_versions_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.recipe_versions FOR EACH STATEMENT EXECUTE FUNCTION public.recipe_versions_is_append_only();


--
-- Name: reviews reviews_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER reviews_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.reviews FOR EACH STATEMENT EXECUTE FUNCTION public.reviews_is_append_only();


--
-- Name: standard_activations standard_activations_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER standard_activations_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.standard_activations FOR EACH STATEMENT EXECUTE FUNCTION public.standard_activations_is_append_only();


--
-- Name: standard_editions standard_editions_no_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER standard_editions_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.standard_editions FOR EACH STATEMENT EXECUTE FUNCTION public.standard_editions_is_append_only();


--
-- Name: api_keys fk_api_keys_station; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT fk_api_keys_station FOREIGN KEY (station) REFERENCES public.stations(name);


--
-- Name: calibration_checks fk_calibration_checks_calibration_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibration_checks
    ADD CONSTRAINT fk_calibration_checks_calibration_id FOREIGN KEY (calibration_id) REFERENCES public.calibrations(calibration_id);


--
-- Name: calibration_choices fk_calibration_choices_calibration_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibration_choices
    ADD CONSTRAINT fk_calibration_choices_calibration_id FOREIGN KEY (calibration_id) REFERENCES public.calibrations(calibration_id);


--
-- Name: calibrations fk_calibrations_station; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.calibrations
    ADD CONSTRAINT fk_calibrations_station FOREIGN KEY (station) REFERENCES public.stations(name);


--
-- Name: documents fk_documents_sequence; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT fk_documents_sequence FOREIGN KEY (sequence) REFERENCES public.inspections(sequence);


--
-- Name: faults fk_faults_sequence; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.faults
    ADD CONSTRAINT fk_faults_sequence FOREIGN KEY (sequence) REFERENCES public.inspections(sequence);


--
-- Name: inspection_kinds fk_inspection_kinds_sequence; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inspection_kinds
    ADD CONSTRAINT fk_inspection_kinds_sequence FOREIGN KEY (sequence) REFERENCES public.inspections(sequence);


--
-- Name: lot_events fk_lot_events_lot; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lot_events
    ADD CONSTRAINT fk_lot_events_lot FOREIGN KEY (lot) REFERENCES public.lots(number);


--
-- Name: reviews fk_reviews_result_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT fk_reviews_result_id FOREIGN KEY (result_id) REFERENCES public.inspections(result_id);


--
-- Name: sessions fk_sessions_user_name; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_user_name FOREIGN KEY (user_name) REFERENCES public.users(name);


--
-- Name: set_verdicts fk_set_verdicts_sequence; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.set_verdicts
    ADD CONSTRAINT fk_set_verdicts_sequence FOREIGN KEY (sequence) REFERENCES public.inspections(sequence);


--
-- Name: station_recipes fk_station_recipes_station; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.station_recipes
    ADD CONSTRAINT fk_station_recipes_station FOREIGN KEY (station) REFERENCES public.stations(name);


--
-- PostgreSQL database dump complete
--


