import { KafkaUnavailableError, kafkaJarsCached, kafkaPrograms } from "../lab/servers/kafka-artifacts.ts";

/**
 * Fetches Kafka's jars for the lab, so that no test has to. With `--check` it fetches nothing. Prints nothing on
 * success; exits 1 where Kafka cannot be had, or with `--check` where the jars are not here yet.
 */
try {
  if (!process.argv.includes("--check")) await kafkaPrograms();
  else if (!(await kafkaJarsCached())) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof KafkaUnavailableError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
