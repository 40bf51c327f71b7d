-- What tidegate left behind with state tables of version 5 when it was killed in the middle of two runs: a walk that had
-- been paused, resumed and set to larger batches, and a sweep. Written by the program of that version, dumped by
-- `sqlite3 .dump`; only names of people and machines were changed.
CREATE TABLE items (id integer primary key, applied integer not null default 0);
INSERT INTO items VALUES (1,1), (2,1), (3,1), (4,1), (5,1), (6,1), (7,1), (8,1), (9,1), (10,1), (11,1), (12,1), (13,1), (14,1), (15,1), (16,1), (17,1), (18,1), (19,1), (20,1), (21,1), (22,1), (23,1), (24,1), (25,1), (26,1), (27,1), (28,1), (29,1), (30,1), (31,1), (32,1), (33,1), (34,1), (35,1), (36,1), (37,1), (38,1), (39,1), (40,1), (41,1), (42,1), (43,1), (44,1), (45,1), (46,1), (47,1), (48,1), (49,1), (50,1), (51,1), (52,1), (53,1), (54,1), (55,1), (56,1), (57,1), (58,1), (59,1), (60,1), (61,1), (62,1), (63,1), (64,1), (65,1), (66,1), (67,1), (68,1), (69,1), (70,1), (71,1), (72,1), (73,1), (74,1), (75,1), (76,1), (77,1), (78,1), (79,1), (80,1), (81,1), (82,1), (83,1), (84,1), (85,1), (86,1), (87,1), (88,1), (89,1), (90,1), (91,1), (92,1), (93,1), (94,1), (95,1), (96,1), (97,1), (98,1), (99,1), (100,1);
INSERT INTO items VALUES (101,1), (102,1), (103,1), (104,1), (105,1), (106,1), (107,1), (108,1), (109,1), (110,1), (111,1), (112,1), (113,1), (114,1), (115,1), (116,1), (117,1), (118,1), (119,1), (120,1), (121,1), (122,1), (123,1), (124,1), (125,1), (126,1), (127,1), (128,1), (129,1), (130,1), (131,1), (132,1), (133,1), (134,1), (135,1), (136,1), (137,1), (138,1), (139,1), (140,1), (141,1), (142,1), (143,1), (144,1), (145,1), (146,1), (147,1), (148,1), (149,1), (150,1), (151,1), (152,1), (153,1), (154,1), (155,1), (156,1), (157,1), (158,1), (159,1), (160,1), (161,1), (162,1), (163,1), (164,1), (165,1), (166,1), (167,1), (168,1), (169,1), (170,1), (171,1), (172,1), (173,1), (174,1), (175,1), (176,1), (177,1), (178,1), (179,1), (180,1), (181,1), (182,1), (183,1), (184,1), (185,1), (186,1), (187,1), (188,1), (189,1), (190,1), (191,1), (192,1), (193,1), (194,1), (195,1), (196,1), (197,1), (198,1), (199,1), (200,1);
INSERT INTO items VALUES (201,1), (202,1), (203,1), (204,1), (205,1), (206,1), (207,1), (208,1), (209,1), (210,1), (211,1), (212,1), (213,1), (214,1), (215,1), (216,1), (217,1), (218,1), (219,1), (220,1), (221,1), (222,1), (223,1), (224,1), (225,1), (226,1), (227,1), (228,1), (229,1), (230,1), (231,1), (232,1), (233,1), (234,1), (235,1), (236,1), (237,1), (238,1), (239,1), (240,1), (241,1), (242,1), (243,1), (244,1), (245,1), (246,1), (247,1), (248,1), (249,1), (250,1), (251,1), (252,1), (253,1), (254,1), (255,1), (256,1), (257,1), (258,1), (259,1), (260,1), (261,1), (262,1), (263,1), (264,1), (265,1), (266,1), (267,1), (268,1), (269,1), (270,1), (271,1), (272,1), (273,1), (274,1), (275,1), (276,1), (277,1), (278,1), (279,1), (280,1), (281,1), (282,1), (283,1), (284,1), (285,1), (286,1), (287,1), (288,1), (289,1), (290,1), (291,1), (292,1), (293,1), (294,1), (295,1), (296,1), (297,1), (298,1), (299,1), (300,1);
INSERT INTO items VALUES (301,1), (302,1), (303,1), (304,1), (305,1), (306,1), (307,1), (308,1), (309,1), (310,1), (311,1), (312,1), (313,1), (314,1), (315,1), (316,1), (317,1), (318,1), (319,1), (320,1), (321,1), (322,1), (323,1), (324,1), (325,1), (326,1), (327,1), (328,1), (329,1), (330,1), (331,1), (332,1), (333,1), (334,1), (335,1), (336,1), (337,1), (338,1), (339,1), (340,1), (341,1), (342,1), (343,1), (344,1), (345,1), (346,1), (347,1), (348,1), (349,1), (350,1), (351,1), (352,1), (353,1), (354,1), (355,1), (356,1), (357,1), (358,1), (359,1), (360,1), (361,1), (362,1), (363,1), (364,1), (365,1), (366,1), (367,1), (368,1), (369,1), (370,1), (371,0), (372,0), (373,0), (374,0), (375,0), (376,0), (377,0), (378,0), (379,0), (380,0), (381,0), (382,0), (383,0), (384,0), (385,0), (386,0), (387,0), (388,0), (389,0), (390,0), (391,0), (392,0), (393,0), (394,0), (395,0), (396,0), (397,0), (398,0), (399,0), (400,0);
INSERT INTO items VALUES (401,0), (402,0), (403,0), (404,0), (405,0), (406,0), (407,0), (408,0), (409,0), (410,0), (411,0), (412,0), (413,0), (414,0), (415,0), (416,0), (417,0), (418,0), (419,0), (420,0), (421,0), (422,0), (423,0), (424,0), (425,0), (426,0), (427,0), (428,0), (429,0), (430,0), (431,0), (432,0), (433,0), (434,0), (435,0), (436,0), (437,0), (438,0), (439,0), (440,0), (441,0), (442,0), (443,0), (444,0), (445,0), (446,0), (447,0), (448,0), (449,0), (450,0), (451,0), (452,0), (453,0), (454,0), (455,0), (456,0), (457,0), (458,0), (459,0), (460,0), (461,0), (462,0), (463,0), (464,0), (465,0), (466,0), (467,0), (468,0), (469,0), (470,0), (471,0), (472,0), (473,0), (474,0), (475,0), (476,0), (477,0), (478,0), (479,0), (480,0), (481,0), (482,0), (483,0), (484,0), (485,0), (486,0), (487,0), (488,0), (489,0), (490,0), (491,0), (492,0), (493,0), (494,0), (495,0), (496,0), (497,0), (498,0), (499,0), (500,0);
INSERT INTO items VALUES (501,0), (502,0), (503,0), (504,0), (505,0), (506,0), (507,0), (508,0), (509,0), (510,0), (511,0), (512,0), (513,0), (514,0), (515,0), (516,0), (517,0), (518,0), (519,0), (520,0), (521,0), (522,0), (523,0), (524,0), (525,0), (526,0), (527,0), (528,0), (529,0), (530,0), (531,0), (532,0), (533,0), (534,0), (535,0), (536,0), (537,0), (538,0), (539,0), (540,0), (541,0), (542,0), (543,0), (544,0), (545,0), (546,0), (547,0), (548,0), (549,0), (550,0), (551,0), (552,0), (553,0), (554,0), (555,0), (556,0), (557,0), (558,0), (559,0), (560,0), (561,0), (562,0), (563,0), (564,0), (565,0), (566,0), (567,0), (568,0), (569,0), (570,0), (571,0), (572,0), (573,0), (574,0), (575,0), (576,0), (577,0), (578,0), (579,0), (580,0), (581,0), (582,0), (583,0), (584,0), (585,0), (586,0), (587,0), (588,0), (589,0), (590,0), (591,0), (592,0), (593,0), (594,0), (595,0), (596,0), (597,0), (598,0), (599,0), (600,0);
CREATE TABLE notes (id integer primary key, note text);
INSERT INTO notes VALUES (1,'note 1'), (2,'note 2'), (3,'note 3'), (4,'note 4'), (5,NULL), (6,'note 6'), (7,'note 7'), (8,'note 8'), (9,'note 9'), (10,'note 10'), (11,'note 11'), (12,'note 12'), (13,'note 13'), (14,'note 14'), (15,'note 15'), (16,'note 16'), (17,'note 17'), (18,'note 18'), (19,'note 19'), (20,'note 20'), (21,'note 21'), (22,'note 22'), (23,'note 23'), (24,'note 24'), (25,'note 25'), (26,'note 26'), (27,'note 27'), (28,'note 28'), (29,'note 29'), (30,'note 30'), (31,'note 31'), (32,'note 32'), (33,'note 33'), (34,'note 34'), (35,'note 35'), (36,'note 36'), (37,'note 37'), (38,'note 38'), (39,'note 39'), (40,'note 40'), (41,'note 41'), (42,'note 42'), (43,'note 43'), (44,'note 44'), (45,'note 45'), (46,'note 46'), (47,'note 47'), (48,'note 48'), (49,'note 49'), (50,'note 50'), (51,'note 51'), (52,'note 52'), (53,'note 53'), (54,'note 54'), (55,'note 55'), (56,'note 56'), (57,'note 57'), (58,'note 58'), (59,'note 59'), (60,'note 60'), (61,'note 61'), (62,'note 62'), (63,'note 63'), (64,'note 64'), (65,'note 65'), (66,'note 66'), (67,'note 67'), (68,'note 68'), (69,'note 69'), (70,'note 70'), (71,'note 71'), (72,'note 72'), (73,'note 73'), (74,'note 74'), (75,'note 75'), (76,'note 76'), (77,'note 77'), (78,'note 78'), (79,'note 79'), (80,'note 80'), (81,'note 81'), (82,'note 82'), (83,'note 83'), (84,'note 84'), (85,'note 85'), (86,'note 86'), (87,'note 87'), (88,'note 88'), (89,'note 89'), (90,'note 90'), (91,'note 91'), (92,'note 92'), (93,'note 93'), (94,'note 94'), (95,'note 95'), (96,'note 96'), (97,'note 97'), (98,'note 98'), (99,'note 99'), (100,'note 100');
INSERT INTO notes VALUES (101,'note 101'), (102,'note 102'), (103,'note 103'), (104,'note 104'), (105,'note 105'), (106,'note 106'), (107,'note 107'), (108,'note 108'), (109,'note 109'), (110,'note 110'), (111,'note 111'), (112,'note 112'), (113,'note 113'), (114,'note 114'), (115,'note 115'), (116,'note 116'), (117,'note 117'), (118,'note 118'), (119,'note 119'), (120,'note 120'), (121,'note 121'), (122,'note 122'), (123,'note 123'), (124,'note 124'), (125,'note 125'), (126,'note 126'), (127,'note 127'), (128,'note 128'), (129,'note 129'), (130,'note 130'), (131,'note 131'), (132,'note 132'), (133,'note 133'), (134,'note 134'), (135,'note 135'), (136,'note 136'), (137,'note 137'), (138,'note 138'), (139,'note 139'), (140,'note 140'), (141,'note 141'), (142,'note 142'), (143,'note 143'), (144,'note 144'), (145,'note 145'), (146,'note 146'), (147,'note 147'), (148,'note 148'), (149,'note 149'), (150,'note 150'), (151,'note 151'), (152,'note 152'), (153,'note 153'), (154,'note 154'), (155,'note 155'), (156,'note 156'), (157,'note 157'), (158,'note 158'), (159,'note 159'), (160,'note 160'), (161,'note 161'), (162,'note 162'), (163,'note 163'), (164,'note 164'), (165,'note 165'), (166,'note 166'), (167,'note 167'), (168,'note 168'), (169,'note 169'), (170,'note 170'), (171,'note 171'), (172,'note 172'), (173,'note 173'), (174,'note 174'), (175,'note 175'), (176,'note 176'), (177,'note 177'), (178,'note 178'), (179,'note 179'), (180,'note 180'), (181,'note 181'), (182,'note 182'), (183,'note 183'), (184,'note 184'), (185,'note 185'), (186,'note 186'), (187,'note 187'), (188,'note 188'), (189,'note 189'), (190,'note 190'), (191,'note 191'), (192,'note 192'), (193,'note 193'), (194,'note 194'), (195,'note 195'), (196,'note 196'), (197,'note 197'), (198,'note 198'), (199,'note 199'), (200,'note 200');
CREATE TABLE tidegate_meta (
    version integer primary key,
    applied_at real not null default (unixepoch('subsec'))
) strict;
INSERT INTO tidegate_meta VALUES(1,1795347977.7750000953);
INSERT INTO tidegate_meta VALUES(2,1795347977.7760000228);
INSERT INTO tidegate_meta VALUES(3,1795347977.7769999503);
INSERT INTO tidegate_meta VALUES(4,1795347977.7790000438);
INSERT INTO tidegate_meta VALUES(5,1795347977.7799999714);
CREATE TABLE tidegate_run (
    id integer primary key autoincrement,
    job text not null,
    digest text not null,                -- of what the job does, not of how fast
    job_text text not null,              -- the whole file, as it was
    table_name text not null,
    place text not null,                 -- table and columns; compared in every batch
    state text not null,
    bound_key text,                      -- frozen upper bound; null: the table was empty
    swept integer not null,              -- whether a sweep proves the end
    estimated_rows integer not null,
    holder text,                         -- the runner that has it
    token integer not null default 0,    -- counts the takings
    retries integer not null default 0,
    actor text,                          -- who made the last move, and why
    reason text,
    failure text,
    created_at real not null default (unixepoch('subsec')),
    moved_at real not null default (unixepoch('subsec')),
    ended_at real
, held_seconds real not null default 0, rows_quarantined integer not null default 0, version integer not null default 0, submitted integer not null default 0, planned integer not null default 1, priority integer not null default 0, not_before real, resume_at real, ends text, sizes_before text) strict;
INSERT INTO tidegate_run VALUES(1,'count-visits','92c593a040aee7ad61a9bd5988d71aec7fca88094a8f6c9a424429d341ac4b4b',replace('version = 1\nname = "count-visits"\n[table]\nname = "items"\n[change.set]\napplied = "applied + 1"\n[batch]\nrows = 10\nmin_rows = 10\nmax_rows = 10\nworkers = 2\n[pace]\nmax_rows_per_second = 200\n','\n',char(10)),'main.items','main.items: id INTEGER key 1, applied INTEGER not null','running','["i:600"]',0,600,'5795e69c-df18-4d10-a1ef-5f181c5b342a',2,0,'anna@db1',NULL,NULL,1795347977.7860000133,1795347979.0950000286,NULL,1.7872059170000000882,0,6,0,1,0,NULL,NULL,NULL,NULL);
INSERT INTO tidegate_run VALUES(2,'fill-note','b99ee26e2bec018f919c97effaccb85ec17f6a782c60c2ba7299eba5fb5a12c5',replace('version = 1\nname = "fill-note"\n[table]\nname = "notes"\nwhere = "note is null"\n[change.set]\nnote = "''note '' || id"\n[batch]\nrows = 10\nmin_rows = 10\nmax_rows = 10\nworkers = 2\n[pace]\nmax_rows_per_second = 200\n','\n',char(10)),'main.notes','main.notes: id INTEGER key 1, note TEXT','sweeping','["i:200"]',1,200,'2f8ed8f0-4a8d-4a54-9a1b-bf4cd80e9bb3',1,0,'anna@db1',NULL,NULL,1795347979.9149999618,1795347980.8729999064,NULL,0.5013529410000000519,0,2,0,1,0,NULL,NULL,NULL,NULL);
CREATE TABLE tidegate_slice (
    run_id integer not null references tidegate_run,
    pass integer not null,
    slice integer not null,
    after_key text,                      -- exclusive; null is open below
    through_key text not null,           -- inclusive
    cursor_key text,                     -- all rows up to here are done; null: none is
    seq integer not null default 0,      -- counts committed batches
    rows_changed integer not null default 0,
    rows_scanned integer not null default 0,
    rows_still_in_scope integer not null default 0,
    done integer not null default 0,
    token integer not null default 0,
    holder text, set_aside integer not null default 0, walk text not null default 'key' check (walk in ('key', 'physical')), part text, split_from integer,
    primary key (run_id, pass, slice)
) strict;
INSERT INTO tidegate_slice VALUES(1,0,0,NULL,'["i:100"]','["i:100"]',10,100,100,0,1,1,NULL,0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(1,0,1,'["i:100"]','["i:200"]','["i:200"]',10,100,100,0,1,1,NULL,0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(1,0,2,'["i:200"]','["i:300"]','["i:300"]',10,100,100,0,1,2,'5795e69c-df18-4d10-a1ef-5f181c5b342a',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(1,0,3,'["i:300"]','["i:400"]','["i:370"]',4,70,70,0,0,2,'5795e69c-df18-4d10-a1ef-5f181c5b342a',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(1,0,4,'["i:400"]','["i:500"]','["i:400"]',0,0,0,0,0,2,'5795e69c-df18-4d10-a1ef-5f181c5b342a',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(1,0,5,'["i:500"]','["i:600"]','["i:500"]',0,0,0,0,0,2,'5795e69c-df18-4d10-a1ef-5f181c5b342a',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(2,0,0,NULL,'["i:100"]','["i:100"]',10,99,100,0,1,1,'2f8ed8f0-4a8d-4a54-9a1b-bf4cd80e9bb3',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(2,0,1,'["i:100"]','["i:200"]','["i:200"]',10,100,100,0,1,1,'2f8ed8f0-4a8d-4a54-9a1b-bf4cd80e9bb3',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(2,1,0,NULL,'["i:100"]',NULL,0,0,0,0,0,1,'2f8ed8f0-4a8d-4a54-9a1b-bf4cd80e9bb3',0,'key',NULL,NULL);
INSERT INTO tidegate_slice VALUES(2,1,1,'["i:100"]','["i:200"]','["i:100"]',0,0,0,0,0,1,'2f8ed8f0-4a8d-4a54-9a1b-bf4cd80e9bb3',0,'key',NULL,NULL);
CREATE TABLE tidegate_heartbeat (
    holder text primary key,
    run_id integer not null references tidegate_run,
    host text not null,
    boot_id text not null,
    pid integer not null,
    pid_started integer not null,
    actor text not null,
    since real not null default (unixepoch('subsec')),
    expires_at real not null,
    eta_low_seconds real,         -- when the run may end, as its runner sees it
    eta_high_seconds real
, sharing integer not null default 0) strict;
INSERT INTO tidegate_heartbeat VALUES('5795e69c-df18-4d10-a1ef-5f181c5b342a',1,'db1','a boot of db1',26075,1583125,'anna@db1',1795347979.095999956,1795347989.6059999466,NULL,NULL,0);
INSERT INTO tidegate_heartbeat VALUES('2f8ed8f0-4a8d-4a54-9a1b-bf4cd80e9bb3',2,'db1','a boot of db1',26089,1583207,'anna@db1',1795347979.9179999828,1795347990.4249999523,NULL,NULL,0);
CREATE TABLE tidegate_event (
    id integer primary key autoincrement,
    run_id integer not null references tidegate_run,
    at real not null default (unixepoch('subsec')),
    kind text not null,
    actor text not null,
    reason text,
    from_state text,
    to_state text,
    detail text
, knob text) strict;
INSERT INTO tidegate_event VALUES(1,1,1795347977.7860000133,'created','anna@db1',NULL,NULL,'queued',NULL,NULL);
INSERT INTO tidegate_event VALUES(2,1,1795347977.7869999408,'moved','anna@db1',NULL,'queued','running',NULL,NULL);
INSERT INTO tidegate_event VALUES(3,1,1795347977.7880001068,'taken','anna@db1',NULL,NULL,NULL,'process 26056 on db1',NULL);
INSERT INTO tidegate_event VALUES(4,1,1795347978.7720000743,'moved','anna@db1','deploy at 15:00','running','pausing',NULL,NULL);
INSERT INTO tidegate_event VALUES(5,1,1795347978.7939999103,'moved','anna@db1','deploy at 15:00','pausing','paused',NULL,NULL);
INSERT INTO tidegate_event VALUES(6,1,1795347979.0869998931,'moved','anna@db1',NULL,'paused','queued',NULL,NULL);
INSERT INTO tidegate_event VALUES(7,1,1795347979.095999956,'moved','anna@db1',NULL,'queued','running',NULL,NULL);
INSERT INTO tidegate_event VALUES(8,1,1795347979.095999956,'taken','anna@db1',NULL,NULL,NULL,'process 26075 on db1',NULL);
INSERT INTO tidegate_event VALUES(9,1,1795347979.4979999065,'set','anna@db1','quiet night','10','20',NULL,'batch.max_rows');
INSERT INTO tidegate_event VALUES(10,1,1795347979.4979999065,'set','anna@db1','quiet night','10','20',NULL,'batch.rows');
INSERT INTO tidegate_event VALUES(11,2,1795347979.9159998893,'created','anna@db1',NULL,NULL,'queued',NULL,NULL);
INSERT INTO tidegate_event VALUES(12,2,1795347979.9179999828,'moved','anna@db1',NULL,'queued','running',NULL,NULL);
INSERT INTO tidegate_event VALUES(13,2,1795347979.9179999828,'taken','anna@db1',NULL,NULL,NULL,'process 26089 on db1',NULL);
INSERT INTO tidegate_event VALUES(14,2,1795347980.8729999064,'moved','anna@db1',NULL,'running','sweeping',NULL,NULL);
CREATE TABLE tidegate_pace (
    run_id integer primary key references tidegate_run,
    report text not null,
    reported_at real not null
) strict;
INSERT INTO tidegate_pace VALUES(1,'{"rows_per_second":199.11794097330235,"speed":{"workers":1,"share":1.0},"batch_rows":10,"batch_seconds":0.00219733,"held":[],"signals":[],"changes":[]}',1795347979.6070001125);
INSERT INTO tidegate_pace VALUES(2,'{"rows_per_second":217.60117881865173,"speed":{"workers":1,"share":1.0},"batch_rows":10,"batch_seconds":0.002529308,"held":[],"signals":[],"changes":[]}',1795347980.4249999523);
CREATE TABLE tidegate_time_ledger (
    run_id integer not null references tidegate_run,
    bucket text not null,
    seconds real not null,
    primary key (run_id, bucket)
) strict;
INSERT INTO tidegate_time_ledger VALUES(1,'apply',0.0053571690000000001669);
INSERT INTO tidegate_time_ledger VALUES(1,'boundary',0.021021283000000001717);
INSERT INTO tidegate_time_ledger VALUES(1,'commit',0.043993465000000002429);
INSERT INTO tidegate_time_ledger VALUES(1,'idle',0.002896998000000000021);
INSERT INTO tidegate_time_ledger VALUES(1,'rate',1.4287736710000000783);
INSERT INTO tidegate_time_ledger VALUES(1,'retry',0.001235238999999999955);
INSERT INTO tidegate_time_ledger VALUES(1,'paused',0.28392809200000002078);
INSERT INTO tidegate_time_ledger VALUES(2,'apply',0.0032945689999999997962);
INSERT INTO tidegate_time_ledger VALUES(2,'boundary',0.0075255410000000001746);
INSERT INTO tidegate_time_ledger VALUES(2,'commit',0.016592211999999998545);
INSERT INTO tidegate_time_ledger VALUES(2,'idle',0.0013556110000000000555);
INSERT INTO tidegate_time_ledger VALUES(2,'rate',0.47187594700000001779);
INSERT INTO tidegate_time_ledger VALUES(2,'retry',0.00070906099999999997948);
CREATE TABLE tidegate_quarantine (
    run_id integer not null references tidegate_run,
    key text not null,                   -- as slices keep keys
    pass integer not null,               -- the slice whose walk met it
    slice integer not null,
    code text,                           -- the database's code of the error
    message text not null,               -- in tidegate's words: it repeats no value
    constraint_name text,
    column_name text,
    detail text,                         -- the database's words, which may repeat values; only where the job says so
    tries integer not null default 1,
    at real not null default (unixepoch('subsec')),
    resolved_at real,
    primary key (run_id, key)
) strict;
CREATE TABLE tidegate_override (
    run_id integer not null references tidegate_run,
    knob text not null,
    value text not null,                 -- as TOML writes it
    actor text not null,
    reason text,
    set_at real not null default (unixepoch('subsec')),
    expires_at real,                     -- null: until somebody takes it back
    primary key (run_id, knob)
) strict;
INSERT INTO tidegate_override VALUES(1,'batch.max_rows','20','anna@db1','quiet night',1795347979.4979999065,NULL);
INSERT INTO tidegate_override VALUES(1,'batch.rows','20','anna@db1','quiet night',1795347979.4979999065,NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('tidegate_run',2);
INSERT INTO sqlite_sequence VALUES('tidegate_event',14);
CREATE INDEX tidegate_run_job on tidegate_run (job, id);
CREATE INDEX tidegate_event_run on tidegate_event (run_id, id);
CREATE UNIQUE INDEX tidegate_run_one_per_table on tidegate_run (table_name)
    where planned and state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');
CREATE UNIQUE INDEX tidegate_run_one_per_job on tidegate_run (job)
    where state in ('queued', 'running', 'pausing', 'paused', 'cancelling', 'sweeping');
