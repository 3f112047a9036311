-- Notes of which everybody sees their own only. What the gateway says of the caller is a setting of the transaction.
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE app_user NOLOGIN;
GRANT app_user TO authenticator;

CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO authenticator, app_user;

CREATE TABLE app.notes (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner text NOT NULL DEFAULT current_setting('app.user_id'),
  text text NOT NULL
);
GRANT SELECT, INSERT ON app.notes TO app_user;

ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.notes TO app_user USING (owner = current_setting('app.user_id'));
