import { createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { BcryptComparer } from "./bcrypt.ts";

/** A hash of a password that nobody knows. Its cost is replaced before use. */
const nobody = "$2b$10$Cn4uFRbZqYl8dV5rYb7lUu9s0wY2Zb1eQm3nH6tJk8pLxVaGfDcSO";

/** Answers that are remembered, granted and refused apart: guesses must not push out those who belong here. */
const remembered = 100;

/** Whether the user is let in; `busy` when too many passwords are being compared to tell. */
export type Verdict = "granted" | "refused" | "busy";

/** User and password of an Authorization header; undefined without any. */
function credentials(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Basic authentication against bcrypt hashes. Remembers answers, and neither a password nor what would give it away. */
export class BasicAuth {
  readonly #comparer = new BcryptComparer();
  readonly #secret = randomBytes(32);
  readonly #granted = new LRUCache<string, true>({ max: remembered });
  readonly #refused = new LRUCache<string, true>({ max: remembered });
  readonly #underWay = new Map<string, Promise<Verdict>>();

  /**
   * Judges an Authorization header. An unknown user costs the same comparison as a known one, so that time does not tell
   * who exists.
   */
  async judge(header: string | undefined, users: Readonly<Record<string, string>>): Promise<Verdict> {
    const given = credentials(header);
    if (given === undefined) return "refused";
    const { user, password } = given;
    const known = Object.hasOwn(users, user) ? users[user] : undefined;
    const costs = Object.values(users).map((hash) => hash.slice(4, 6));
    const hash = known ?? `$2b$${costs.toSorted().at(-1)}${nobody.slice(6)}`;
    const key = createHmac("sha256", this.#secret)
      .update(JSON.stringify([user, known ?? null, hash, password]))
      .digest("base64");
    if (this.#granted.has(key)) return "granted";
    if (this.#refused.has(key)) return "refused";
    // Many requests of one user wait for one comparison.
    const running = this.#underWay.get(key);
    if (running !== undefined) return running;
    const verdict = this.#compare(key, password, hash, known !== undefined);
    this.#underWay.set(key, verdict);
    try {
      return await verdict;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #compare(key: string, password: string, hash: string, known: boolean): Promise<Verdict> {
    const equal = await this.#comparer.compare(password, hash);
    if (equal === undefined) return "busy";
    const verdict = equal && known ? "granted" : "refused";
    (verdict === "granted" ? this.#granted : this.#refused).set(key, true);
    return verdict;
  }
}
