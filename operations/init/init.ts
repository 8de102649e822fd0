import { RedisopsError } from "../../core/errors.ts";
import { Draft, type Finding, noAddress, type Todo } from "./draft.ts";
import { findKafka } from "./find-kafka.ts";
import { findObservers } from "./find-observers.ts";
import { findPgBouncer, findPostgres } from "./find-postgres.ts";
import { findRedis } from "./find-redis.ts";
import { renderDraft } from "./render.ts";
import type { InitRequest } from "./request.ts";

/** A drafted configuration. */
export interface Drafted {
  /** redisops.yaml, with the reasons as comments. */
  readonly text: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
  readonly todos: readonly Todo[];
}

/** A platform's name as redisops.yaml takes it, made of another name. */
const platformName = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 40);

function requireAnything(request: InitRequest): void {
  const { redis, roles, postgres, pgbouncer, kafka, prometheus, alertmanager, grafana, ask } = request;
  const given = [
    ...redis,
    ...kafka,
    ...roles.values(),
    postgres,
    pgbouncer,
    prometheus,
    alertmanager,
    grafana,
  ];
  if (ask !== undefined || given.some((each) => each !== undefined)) return;
  throw new RedisopsError("USAGE", "Nothing says where the platform is, and nobody can be asked", {
    next: "Name what there is: redisops init --redis HOST:PORT ... --postgres HOST:PORT; redisops init --help lists more.",
  });
}

/** With nobody to ask, a draft of nothing at all would only be a typing error that was written down. */
function requireFound({ sections, todos }: Draft, { ask }: InitRequest): void {
  const found = Object.values(sections).some((section) => Object.keys(section ?? {}).length > 0);
  if (ask !== undefined || found) return;
  const named = todos.filter(({ path, what }) => !path.startsWith("roles.") && what !== noAddress);
  const why = named.map(({ what }) => `\n  ${what}`);
  throw new RedisopsError(
    "INIT_NOTHING_FOUND",
    `Nothing of what was named could be looked at; nothing was written:${why.join("")}`,
  );
}

async function namePlatform(draft: Draft, request: InitRequest, database: string | undefined): Promise<void> {
  const suggestion =
    platformName(database === undefined || database === "postgres" ? "platform" : database) || "platform";
  const name =
    request.platform ?? (await request.ask?.("Short name of the platform", suggestion)) ?? suggestion;
  draft.set("platform", platformName(name) || suggestion);
  if (request.platform === undefined && request.ask === undefined) {
    draft.findings.push({
      path: "platform",
      why: "A guess: choose a short name, which alerts carry and severe actions ask for (--platform).",
    });
  }
}

/**
 * Looks at a platform and drafts its configuration: topologies, which role lives where, tables, topics. Reads only, a bounded
 * amount, and asks only what it cannot find. What cannot be reached becomes a TODO. Rejects with USAGE where there is nothing
 * to look at, and with INIT_NOTHING_FOUND where none of it answers and nobody can be asked.
 */
export async function draftConfig(request: InitRequest): Promise<Drafted> {
  requireAnything(request);
  const draft = new Draft();
  const { database, sent } = await findPostgres(draft, request);
  await findPgBouncer(draft, request);
  await findRedis(draft, request, sent);
  await findKafka(draft, request);
  await findObservers(draft, request);
  requireFound(draft, request);
  await namePlatform(draft, request, database);
  const { sections: config, findings, todos } = draft;
  return { text: renderDraft(draft), config, findings, todos };
}
