-- For SQLite and PostgreSQL alike.
CREATE TABLE osp_grants (
  principal text NOT NULL, -- namespace/name of the ClientIdentity; * = everybody
  bucket text NOT NULL,
  effect text NOT NULL CHECK (effect IN ('allow', 'deny')), -- deny wins
  permission text NOT NULL CHECK (permission IN ('Read', 'List', 'Write', 'Delete', '*')),
  prefix text NOT NULL, -- of keys, literal; '' = all
  PRIMARY KEY (bucket, principal, permission, effect, prefix)
);
INSERT INTO osp_grants VALUES
  ('default/writer', 'lake', 'allow', 'Read', 'team-a/'),
  ('default/writer', 'lake', 'allow', 'List', 'team-a/'),
  ('default/writer', 'lake', 'allow', 'Write', 'team-a/'),
  ('default/writer', 'lake', 'allow', 'Delete', 'team-a/'),
  ('default/reader', 'lake', 'allow', 'Read', 'team-a/'),
  ('default/reader', 'lake', 'allow', 'List', 'team-a/'),
  ('*', 'lake', 'deny', '*', 'team-a/secret/');
