import { exitCodes } from "../../core/error-codes.ts";
import type { CommonOptions } from "../options.ts";
import { print, printJson } from "../output.ts";

/** `redisops oncall <payload>`: one answer; changes nothing. */
export async function answerOnce(
  options: CommonOptions & { readonly payload: string; readonly markdown: boolean },
): Promise<number> {
  const [
    { loadConfig },
    { parseNotification },
    { answerNotification },
    { sections },
    { readPayload },
    { interruptible },
  ] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../operations/oncall/notification.ts"),
    import("../../operations/oncall/answer-notification.ts"),
    import("../../operations/oncall/answer-text.ts"),
    import("./read-payload.ts"),
    import("../interrupt.ts"),
  ]);
  const config = loadConfig(options.config);
  const notification = parseNotification(await readPayload(options.payload));
  const interrupt = interruptible(() => undefined);
  try {
    const answer = await answerNotification(notification, config, interrupt.signal);
    if (options.json) printJson(answer);
    else if (options.markdown) {
      const { markdownText } = await import("../../operations/oncall/chat-text.ts");
      print(markdownText(sections(answer, Date.now())).trimEnd());
    } else (await import("./show-sections.ts")).showSections(sections(answer, Date.now()));
    return exitCodes.done;
  } finally {
    interrupt.release();
  }
}
