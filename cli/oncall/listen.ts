import { exitCodes } from "../../core/error-codes.ts";
import { toRedisopsError } from "../../core/errors.ts";
import type { Answer, Execution } from "../../operations/oncall/answer.ts";
import type { CommonOptions } from "../options.ts";
import { print } from "../output.ts";

/** `redisops oncall --listen`: answers until it is told to end. */
export async function listen(options: CommonOptions & { readonly listen: string }): Promise<number> {
  const [{ loadConfig }, { requireSecrets }, { OncallReceiver }, { postAnswer }, { pino }] =
    await Promise.all([
      import("../../core/config/load.ts"),
      import("../../core/config/effective.ts"),
      import("../../operations/oncall/receiver.ts"),
      import("../../operations/oncall/post-answer.ts"),
      import("pino"),
    ]);
  const config = loadConfig(options.config);
  const { roles, postgres, providers, oncall } = config;
  requireSecrets({ roles, postgres, providers, oncall }, options.config);
  const logger = pino({ name: "redisops" }, pino.destination(2));
  const posts = new Set<Promise<void>>();
  const onSaid = (said: Answer | Execution) => {
    print(JSON.stringify(said));
    const post = postAnswer(said, oncall)
      .then((problems) => {
        for (const problem of problems) logger.warn(problem);
      })
      .catch((error: unknown) => logger.warn(toRedisopsError(error).message))
      .finally(() => posts.delete(post));
    posts.add(post);
  };
  const receiver = new OncallReceiver(config, { onSaid, onWarning: (message) => logger.warn(message) });
  const stopped = new Promise<void>((resolve) => {
    let stopping = false;
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.on(name, () => {
        if (stopping) process.exit(exitCodes.interrupted);
        stopping = true;
        logger.info({ signal: name }, "ends; a recovery that is under way stops at its next safe point");
        resolve();
      });
    }
  });
  const url = await receiver.listen(options.listen);
  const allowed = oncall.execute.length === 0 ? "nothing" : oncall.execute.join(", ");
  logger.info(`answers notifications at ${url}; carries out by itself: ${allowed}`);
  await stopped;
  await receiver.close();
  await Promise.all(posts);
  return exitCodes.done;
}
