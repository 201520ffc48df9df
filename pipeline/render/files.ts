/** Reads an appliance's folders as rendered files: templates (`*.hbs`) are filled in, all else is taken as it is. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { renderTemplate } from './engine.js'

export interface RenderedFile {
  /** Relative to the folder, with `/`; the `.hbs` suffix is gone. */
  readonly path: string
  /** 0o755 for executables, else 0o644: what git keeps of a mode, so that clones give equal images. */
  readonly mode: number
  readonly content: Buffer
}

/** All files below `directory` in name order; an absent folder has none. Errors: those of the template engine. */
export async function renderFolder(directory: string, data: object): Promise<RenderedFile[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(ignoreAbsent)
  const paths = names
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  return Promise.all(paths.map(path => renderFile(directory, path, data)))
}

async function renderFile(directory: string, path: string, data: object): Promise<RenderedFile> {
  const [bytes, { mode }] = await Promise.all([readFile(path), stat(path)])
  const name = relative(directory, path).split(sep).join('/')
  const template = name.endsWith('.hbs')
  return {
    path: template ? name.slice(0, -'.hbs'.length) : name,
    mode: mode & 0o111 ? 0o755 : 0o644,
    content: template
      ? Buffer.from(renderTemplate({ file: path, text: bytes.toString('utf8'), data }))
      : bytes,
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return []
  throw error
}
