/** Numbers and dates of the download page, in words for people. */

const kib = 1024

/** `351 MiB`, `1.2 GiB`; below ten with one decimal. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / kib ** power
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power] ?? ''}`
}

/** `2026-05-01`, of an ISO 8601 date. */
export function dayText(date: string): string {
  return date.slice(0, 10)
}
