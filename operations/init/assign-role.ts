import type { RedisRole } from "../../catalog/roles.ts";
import type { Draft } from "./draft.ts";
import type { RoleGuess } from "./guess-roles.ts";
import type { Place } from "./redis-places.ts";
import type { InitRequest } from "./request.ts";

/** Lifetime of cached preferences that redisops takes for granted, with its jitter, in milliseconds. */
const usualEntryLife = 3_600_000 * 1.1;

/** What there is to know for a role before it is written. */
export interface Assignment {
  readonly place: Place;
  readonly guess: RoleGuess | undefined;
  readonly why: string;
}

async function capacityOf(request: InitRequest): Promise<number | undefined> {
  const answer = await request.ask?.(
    "How many ids must the deduplication filter hold, at the peak of a whole window",
  );
  const capacity = Number((answer ?? "").replace(/[,_ ]/g, ""));
  return Number.isInteger(capacity) && capacity >= 100 ? capacity : undefined;
}

/** The filter's part of the section; undefined where its size is known to nobody. */
async function filterOf(draft: Draft, { guess }: Assignment, request: InitRequest, sent: number | undefined) {
  const { engine = "bitmap", key = "{dedup}", sizing } = guess?.filter ?? {};
  if (sizing !== undefined) {
    return {
      engine,
      ...(key !== "{dedup}" && { key }),
      capacity: sizing.capacity,
      error_rate: sizing.errorRate,
    };
  }
  const capacity = sent ?? (await capacityOf(request));
  if (capacity === undefined) return undefined;
  if (sent !== undefined) {
    draft.findings.push({
      path: "roles.dedup.filter.capacity",
      why: "Twice the rows of the table of sent notifications, by Postgres's estimate: compare it with your peak.",
    });
  }
  return { engine, ...(key !== "{dedup}" && { key }), capacity };
}

/**
 * Writes a role down.
 *
 * @param sent ids that the filter has to hold by the table of sent notifications
 */
export async function assignRole(
  role: RedisRole,
  assignment: Assignment,
  draft: Draft,
  request: InitRequest,
  sent: number | undefined,
): Promise<void> {
  const { place, guess, why } = assignment;
  const path = `roles.${role}`;
  if (role === "dedup") {
    if (place.section.topology === "cluster") {
      draft.todo(
        path,
        `${place.name} holds a filter, and redisops watches filters on single servers alone.`,
        "Move it to a server of its own.",
      );
      return;
    }
    const filter = await filterOf(draft, assignment, request, sent);
    if (filter === undefined) {
      draft.todo(
        path,
        `the filter's size is not known: there is none on ${place.name} now.`,
        "Fill in capacity, the ids of a whole window at its peak:",
        [
          "roles:",
          "  dedup:",
          ...Object.entries(place.section).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`),
          "    filter: { engine: bitmap, capacity: 200000000 }",
        ],
      );
      return;
    }
    draft.set(path, { ...place.section, filter }, why);
    return;
  }
  draft.set(path, { ...place.section, ...(guess?.key !== undefined && { key: guess.key }) }, why);
  if (role === "preferences" && (guess?.longestTtl ?? 0) > usualEntryLife) {
    const hours = Math.ceil((guess?.longestTtl ?? 0) / 3_600_000 / 1.1);
    draft.set(
      "recovery.preferences.entry_ttl",
      `${hours}h`,
      "The longest time to live among the cached preferences that were looked at, less its spread.",
    );
  }
  if (role === "token_bucket") providerTodos(draft, guess);
}

/** Providers cannot be found by their buckets alone: limits and credentials are elsewhere. */
function providerTodos(draft: Draft, guess: RoleGuess | undefined): void {
  // Redis lists its keys in an order of its own.
  const accounts = (guess?.accounts ?? []).toSorted((a, b) => (a.join(":") < b.join(":") ? -1 : 1));
  const byProvider = Map.groupBy(accounts, ([provider]) => provider);
  for (const [provider, all] of byProvider) {
    const name = provider.toLowerCase();
    const kind = name.includes("twilio") ? "twilio" : name.includes("sendgrid") ? "sendgrid" : "http";
    const credentials = {
      twilio: 'account_sid: AC..., auth_token: "${TWILIO_TOKEN}"',
      sendgrid: 'api_key: "${SENDGRID_KEY}"',
      http: `bearer_token: "\${${provider.toUpperCase().replace(/\W/g, "_")}_TOKEN}"`,
    };
    draft.todo(
      `providers.${provider}`,
      "there are buckets of it, which say neither its limits nor its credentials.",
      "Fill in:",
      [
        "providers:",
        `  ${provider}:`,
        `    kind: ${kind}`,
        ...(kind === "http" ? ["    base_url: https://..."] : []),
        "    accounts:",
        ...all.map(([, account]) => `      ${account}: { limit_per_second: 100, ${credentials[kind]} }`),
      ],
    );
  }
}
