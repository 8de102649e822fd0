import { type RedisRole, redisRoles, roleTitles } from "../../catalog/roles.ts";
import { messageOf } from "../../core/errors.ts";
import { redisError } from "../../core/redis/redis-error.ts";
import { type Assignment, assignRole } from "./assign-role.ts";
import type { Draft } from "./draft.ts";
import { guessRoles, type RoleGuess } from "./guess-roles.ts";
import { findPlaces, openNode, type Place } from "./redis-places.ts";
import { type Sample, sampleServer } from "./redis-sample.ts";
import { askFor, type InitRequest } from "./request.ts";

/** Primaries of a cluster that are looked at. */
const lookedAt = 6;

interface Looked {
  readonly place: Place;
  readonly keys: number;
  readonly scanned: number;
  readonly guesses: readonly RoleGuess[];
}

async function sampleNode(address: string, place: Place): Promise<Sample> {
  const connection = await openNode(address, place.access);
  try {
    return await sampleServer(connection.client);
  } catch (error) {
    throw redisError(error, connection.target);
  } finally {
    connection.close();
  }
}

async function look(place: Place, draft: Draft, { note }: InitRequest): Promise<Looked> {
  note(`reading some keys of ${place.name}`);
  const samples: Sample[] = [];
  for (const address of place.primaries.slice(0, lookedAt)) {
    try {
      samples.push(await sampleNode(address, place));
    } catch (error) {
      draft.todo(
        "roles",
        `${messageOf(error)}.`,
        "What it holds is not known: name its roles with --role ROLE=HOST:PORT.",
      );
    }
  }
  const sum = (pick: (sample: Sample) => number) =>
    samples.reduce((total, sample) => total + pick(sample), 0);
  return {
    place,
    keys: sum(({ keys }) => keys),
    scanned: sum(({ scanned }) => scanned),
    guesses: guessRoles(samples.flatMap(({ sampled }) => sampled)),
  };
}

const number = (value: number) => value.toLocaleString("en-US");

/** The place of a role by what its keys say: the one with most of them. */
function byKeys(role: RedisRole, looked: readonly Looked[]): Assignment | undefined {
  const having = looked
    .flatMap((each) =>
      each.guesses.filter((guess) => guess.role === role).map((guess) => ({ ...each, guess })),
    )
    .toSorted((a, b) => b.guess.weight - a.guess.weight);
  const [best, ...others] = having;
  if (best === undefined) return undefined;
  const seen =
    best.scanned < best.keys
      ? ` Of its ${number(best.keys)} keys ${number(best.scanned)} names were read.`
      : "";
  const elsewhere =
    others.length === 0
      ? ""
      : ` Fewer such keys are also on ${others.map(({ place }) => place.name).join(", ")}.`;
  return {
    place: best.place,
    guess: best.guess,
    why: `${best.place.why} ${best.guess.why}${seen}${elsewhere}`,
  };
}

/** The place of a role by its address, which somebody has named; looked at now where it was not before. */
async function byAddress(
  role: RedisRole,
  address: string,
  looked: Looked[],
  draft: Draft,
  request: InitRequest,
): Promise<Assignment | undefined> {
  const known = () => looked.find(({ place }) => place.addresses.includes(address));
  if (known() === undefined) {
    const { places, unreached } = await findPlaces([address], request);
    for (const place of places) looked.push(await look(place, draft, request));
    for (const { message } of unreached)
      draft.todo(`roles.${role}`, `${message}.`, "Start it, then run redisops init again.");
  }
  const found = known();
  if (found === undefined) return undefined;
  const guess = found.guesses.find((each) => each.role === role);
  return {
    place: found.place,
    guess,
    why: `${found.place.why} ${guess?.why ?? "Named by you; no key of this role is there now."}`,
  };
}

/**
 * Finds where the roles live, and writes them down.
 *
 * @param sent ids that the filter has to hold by the table of sent notifications
 */
export async function findRedis(draft: Draft, request: InitRequest, sent: number | undefined): Promise<void> {
  const { ask } = request;
  const asked =
    request.redis.length === 0
      ? await ask?.("Redis servers, cluster nodes or Sentinels (host:port ..., one of each group)", "")
      : "";
  const addresses = [...request.redis, ...(asked ?? "").split(/[\s,]+/).filter(Boolean)];
  const { places, unreached } = await findPlaces(addresses, request);
  for (const { address, message } of unreached) {
    draft.todo("roles", `${message}.`, `Mend that, then run redisops init again with --redis ${address}.`);
  }
  const looked: Looked[] = [];
  for (const place of places) looked.push(await look(place, draft, request));
  draft.sections.roles = {};
  for (const role of redisRoles) {
    const named = request.roles.get(role);
    let found =
      named === undefined ? byKeys(role, looked) : await byAddress(role, named, looked, draft, request);
    if (found === undefined && named === undefined && looked.length > 0) {
      const answer = await askFor(
        "address",
        ask,
        `${roleTitles[role]} (${role}): no key says where it is. host:port, or nothing where there is none`,
      );
      if (answer) found = await byAddress(role, answer, looked, draft, request);
    }
    if (found !== undefined) await assignRole(role, found, draft, request, sent);
    else if (ask === undefined) {
      draft.todo(
        `roles.${role}`,
        "no key of it was found.",
        `Where the platform has this role: redisops init --role ${role}=HOST:PORT. Where it has not, leave it out.`,
      );
    }
  }
}
