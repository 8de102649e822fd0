import { statSync } from "node:fs";
import { ConfigError } from "../../core/config/load.ts";
import { type RedisopsError, toRedisopsError } from "../../core/errors.ts";
import { filesNamedIn, filesOf, type LoadedWebConfig, loadWebConfig } from "./load.ts";

const restart = {
  line: 1,
  column: 1,
  path: "tls_server_config",
  message: "TLS is switched on or off by a restart only",
};

/** What tells one content of a file from another without reading it. */
function fingerprint(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "none" : [stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");
}

/**
 * The web configuration as it is on disk now. Asking costs a stat of its files; they are read when one has changed. A
 * file that has turned bad changes nothing: the last good one stays.
 */
export class WatchedWebConfig {
  readonly #path: string;
  readonly #changed: (error: RedisopsError | undefined) => void;
  #loaded: LoadedWebConfig;
  #files: readonly string[];
  #seen: string;
  #error: RedisopsError | undefined;

  /** `changed` is told of every change that was read, and of why it was not taken. Throws a ConfigError. */
  constructor(path: string, changed: (error: RedisopsError | undefined) => void) {
    this.#path = path;
    this.#changed = changed;
    this.#loaded = loadWebConfig(path);
    this.#files = [path, ...filesOf(path, this.#loaded.config.tls_server_config)];
    this.#seen = this.#fingerprints();
  }

  /** The newest good configuration; the same object as long as nothing changes. */
  get current(): LoadedWebConfig {
    if (this.#fingerprints() === this.#seen) return this.#loaded;
    // Those that it names now, also where they are not good yet: what mends them must be noticed.
    const named = filesNamedIn(this.#path);
    if (named !== undefined) this.#files = [this.#path, ...named];
    this.#seen = this.#fingerprints();
    try {
      const loaded = loadWebConfig(this.#path);
      if ((loaded.tls === undefined) !== (this.#loaded.tls === undefined)) {
        throw new ConfigError("WEB_CONFIG_INVALID", this.#path, [restart]);
      }
      this.#loaded = loaded;
      this.#error = undefined;
    } catch (error) {
      this.#error = toRedisopsError(error);
    }
    this.#changed(this.#error);
    return this.#loaded;
  }

  /** Why the files as they are now are not in use; undefined when they are. */
  get error(): RedisopsError | undefined {
    return this.#error;
  }

  #fingerprints(): string {
    return this.#files.map(fingerprint).join();
  }
}
