import { createRequire } from "node:module";

const load = createRequire(import.meta.url);

let library: typeof import("@platformatic/kafka") | undefined;

/** The Kafka client, loaded at first use: it is half of what some commands would load, for platforms without Kafka as well. */
export function kafkaLibrary(): typeof import("@platformatic/kafka") {
  library ??= load("@platformatic/kafka") as typeof import("@platformatic/kafka");
  return library;
}
