import type { Message } from "../../../core/pending-deliveries/message.ts";

/** Bytes that are set aside at once for commands. */
const chunkBytes = 65_536;
/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const bytesPerUnit = 3;

/** A word in RESP. */
const word = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

const start = `*11\r\n${word("XADD")}`;
/** What comes before each value; the last one ends the command. */
const beforeMessageId = Buffer.from(`${word("*")}${word("message_id")}`);
const beforeUserId = Buffer.from(word("user_id"));
const beforeConversationId = Buffer.from(word("conversation_id"));
const beforeBody = Buffer.from(word("body"));
/** All of that, and the lengths of the values. */
const ownBytes = 256;

/**
 * Writes the commands that add messages to streams in RESP, straight into bytes: put together from texts, a message would
 * cost a kilobyte of garbage.
 */
export class XaddEncoder {
  #bytes = Buffer.allocUnsafeSlow(chunkBytes);
  #at = 0;
  #key = "";
  #start = Buffer.alloc(0);

  /** The command that adds the message to the stream. */
  encode(key: string, { messageId, userId, conversationId, body }: Message): Buffer {
    if (key !== this.#key) {
      this.#key = key;
      this.#start = Buffer.from(`${start}${word(key)}`);
    }
    const units = messageId.length + userId.length + conversationId.length + body.length;
    const most = this.#start.length + ownBytes + units * bytesPerUnit;
    if (this.#at + most > this.#bytes.length) {
      // What was handed out is left as it is: it may not have been sent.
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(chunkBytes, most));
      this.#at = 0;
    }
    const from = this.#at;
    this.#constant(this.#start);
    this.#constant(beforeMessageId);
    this.#value(messageId);
    this.#constant(beforeUserId);
    this.#value(userId);
    this.#constant(beforeConversationId);
    this.#value(conversationId);
    this.#constant(beforeBody);
    this.#value(body);
    return this.#bytes.subarray(from, this.#at);
  }

  #constant(bytes: Buffer): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #value(text: string): void {
    this.#at += this.#bytes.write(`$${Buffer.byteLength(text)}\r\n`, this.#at, "latin1");
    this.#at += this.#bytes.write(text, this.#at, "utf8");
    this.#bytes[this.#at++] = 13;
    this.#bytes[this.#at++] = 10;
  }
}
