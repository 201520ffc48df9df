/** Looks a word of a kickstart up in a table. */

/** The entry of that name; undefined where the table has none: `constructor` and the like are every object's. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
