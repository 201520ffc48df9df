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
  const files = await readFolder(directory)
  return files.map(file => (file.path.endsWith(suffix) ? renderFile(directory, file, data) : file))
}

/** As renderFolder, with templates left as they are. */
export async function readFolder(directory: string): Promise<RenderedFile[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(ignoreAbsent)
  const paths = names
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  return Promise.all(paths.map(path => readOne(directory, path)))
}

const suffix = '.hbs'

async function readOne(directory: string, path: string): Promise<RenderedFile> {
  const [content, { mode }] = await Promise.all([readFile(path), stat(path)])
  return {
    path: relative(directory, path).split(sep).join('/'),
    mode: mode & 0o111 ? 0o755 : 0o644,
    content,
  }
}

function renderFile(directory: string, file: RenderedFile, data: object): RenderedFile {
  const text = file.content.toString('utf8')
  return {
    ...file,
    path: file.path.slice(0, -suffix.length),
    content: Buffer.from(renderTemplate({ file: join(directory, file.path), text, data })),
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return []
  throw error
}
