import pg from "pg";

/** A role's name as SQL takes it: in quotes where a name without them would mean another role, or none. */
export const roleName = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : pg.escapeIdentifier(name);
