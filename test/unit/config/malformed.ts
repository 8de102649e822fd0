/** A configuration that is refused for one reason: its name, its text, `line:column path`, and what is said of it. */
export type Malformed = readonly [name: string, text: string, place: string, message: string];
