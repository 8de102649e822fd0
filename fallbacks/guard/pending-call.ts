import type { Span } from "@opentelemetry/api";
import type { ErrorClass } from "../../catalog/error-class.ts";
import { failSpan } from "../signals/spans.ts";
import type { Admission, Breaker } from "./breaker.ts";
import type { Expiring } from "./deadline-queue.ts";
import { type StoreFailure, storeFailure } from "./store-failure.ts";

/** Which server a call went to, and by which breakers' admissions. */
export interface Destination {
  readonly server: string;
  readonly operation: string;
  readonly breaker: Breaker;
  readonly admission: Admission;
  /** Those of the operation, where the server has refused it as a write before. */
  readonly writes: { readonly breaker: Breaker; readonly admission: Admission } | undefined;
}

/** Who keeps the books on calls. */
export interface CallLedger {
  answered(destination: Destination): void;
  unanswered(destination: Destination, errorClass: ErrorClass): void;
  /** In which way a rejected command failed. */
  classify(error: unknown, destination: Destination): ErrorClass;
}

/** One call on its way. Whatever comes first counts, the answer, the error or the deadline; the rest is ignored. */
export class PendingCall<T> implements Expiring {
  readonly expires: number;
  settled = false;
  readonly #ledger: CallLedger;
  readonly #destination: Destination;
  readonly #span: Span | undefined;
  readonly #resolve: (outcome: T | StoreFailure) => void;

  constructor(
    ledger: CallLedger,
    destination: Destination,
    expires: number,
    span: Span | undefined,
    resolve: (outcome: T | StoreFailure) => void,
  ) {
    this.expires = expires;
    this.#ledger = ledger;
    this.#destination = destination;
    this.#span = span;
    this.#resolve = resolve;
  }

  expire(): void {
    this.#fail("timeout");
  }

  readonly onAnswer = (answer: T): void => {
    if (this.settled) return;
    this.settled = true;
    this.#ledger.answered(this.#destination);
    this.#span?.end();
    this.#resolve(answer);
  };

  readonly onError = (error: unknown): void => {
    if (!this.settled) this.#fail(this.#ledger.classify(error, this.#destination));
  };

  #fail(errorClass: ErrorClass): void {
    this.settled = true;
    this.#ledger.unanswered(this.#destination, errorClass);
    failSpan(this.#span, errorClass);
    this.#resolve(storeFailure(errorClass));
  }
}
