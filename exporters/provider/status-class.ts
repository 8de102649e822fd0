/** Classes of answers. 429 stands apart from the other refusals; `none` is no answer at all. */
export const statusClasses = ["2xx", "3xx", "4xx", "429", "5xx", "none"] as const;

export type StatusClass = (typeof statusClasses)[number];

/** The class of an HTTP status; `none` for what is no final status. */
export function statusClass(status: number): StatusClass {
  if (status === 429) return "429";
  return statusClasses.find((known) => known === `${Math.floor(status / 100)}xx`) ?? "none";
}
