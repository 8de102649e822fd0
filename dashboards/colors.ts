/** Colours of states; every panel uses the same ones for the same meaning. */
export const colors = {
  healthy: "green",
  pending: "yellow",
  ticket: "orange",
  page: "red",
  unknown: "purple",
  /** Somebody has done this on purpose. */
  undertaken: "blue",
  reference: "#8e8e8e",
} as const;
