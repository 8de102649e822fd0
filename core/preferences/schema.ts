/** The names of the tables of notification preferences; each may carry its schema. */
export interface PreferenceTables {
  /** What people have chosen: `user_id`, `channel`, `opted_out`, `changed_at`. */
  readonly table: string;
  /** Every change of it, written by its triggers. */
  readonly changes_table: string;
  /** Notifications that were sent without knowing what the recipient had chosen. */
  readonly exposures_table: string;
}

/** The names that {@link preferencesSchema} creates. */
export const defaultPreferenceTables: PreferenceTables = {
  table: "preferences",
  changes_table: "preference_changes",
  exposures_table: "preference_exposures",
};

/**
 * The tables, to be run once by their owner. A platform that has `preferences` already needs the rest of it only; its
 * rows from before need no copy.
 *
 * The triggers write down each change in the transaction that makes it, whatever program or language that comes from.
 * `version` is that transaction's id: a snapshot (`pg_current_snapshot()`) says of each id whether it sees it, which no
 * sequence and no clock can say, as transactions do not commit in the order in which they begin.
 */
export const preferencesSchema = `
CREATE TABLE IF NOT EXISTS preferences (
  user_id text NOT NULL,
  channel text NOT NULL,
  opted_out boolean NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, channel)
);

CREATE TABLE IF NOT EXISTS preference_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version xid8 NOT NULL DEFAULT pg_current_xact_id(),
  user_id text NOT NULL,
  channel text NOT NULL,
  was_opted_out boolean,  -- null: there was no row
  opted_out boolean,      -- null: there is no row any more
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS preference_changes_by_version ON preference_changes (version, id);
CREATE INDEX IF NOT EXISTS preference_changes_by_user ON preference_changes (user_id, channel, changed_at, id);

CREATE TABLE IF NOT EXISTS preference_exposures (
  notification_id text NOT NULL,
  channel text NOT NULL,
  user_id text NOT NULL,
  exposed_at timestamptz NOT NULL,
  PRIMARY KEY (notification_id, channel, user_id)
);
CREATE INDEX IF NOT EXISTS preference_exposures_by_time
  ON preference_exposures (exposed_at, notification_id, channel, user_id);

-- Runs with its owner's rights: who may change a preference need not be able to write the record of it.
CREATE OR REPLACE FUNCTION record_preference_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  changed text := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT user_id, channel, NULL::boolean, opted_out FROM new_rows'
    WHEN 'DELETE' THEN 'SELECT user_id, channel, opted_out, NULL::boolean FROM old_rows'
    WHEN 'UPDATE' THEN 'SELECT user_id, channel, o.opted_out, n.opted_out
                        FROM old_rows AS o FULL JOIN new_rows AS n USING (user_id, channel)'
    ELSE format('SELECT user_id, channel, opted_out, NULL::boolean FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME)
  END;
BEGIN
  EXECUTE format('INSERT INTO %I.preference_changes (user_id, channel, was_opted_out, opted_out) %s',
    TG_TABLE_SCHEMA, changed);
  RETURN NULL;
END
$body$;

CREATE OR REPLACE TRIGGER preferences_inserted AFTER INSERT ON preferences
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_preference_changes();
CREATE OR REPLACE TRIGGER preferences_updated AFTER UPDATE ON preferences
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION record_preference_changes();
CREATE OR REPLACE TRIGGER preferences_deleted AFTER DELETE ON preferences
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION record_preference_changes();
CREATE OR REPLACE TRIGGER preferences_truncated BEFORE TRUNCATE ON preferences
  FOR EACH STATEMENT EXECUTE FUNCTION record_preference_changes();
`;
