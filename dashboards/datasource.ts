/** Every query goes to the Prometheus that is chosen at the top of the board. */
export const datasource = { type: "prometheus", uid: "$datasource" };
