-- How users and groups are shown: a JSON object, or empty. Nothing depends on it.

ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '';
ALTER TABLE user_groups ADD COLUMN profile TEXT NOT NULL DEFAULT '';
