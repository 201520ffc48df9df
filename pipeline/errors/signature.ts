/** Catalogue: keys that cannot sign or be trusted, and signatures that do not fit. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

const programs = { ssh: 'ssh-keygen', openpgp: 'gpg' } as const

/** @param place file, key id, or `the environment` */
export function signKeyUnusable(kind: 'ssh' | 'openpgp', place: string, details: readonly string[]): PipelineError {
  const hints = {
    ssh: 'give an unencrypted private key, or the .pub file of a key that ssh-add has put into the agent',
    openpgp: 'give an unprotected secret key (gpg --armor --export-secret-keys), or --openpgp-id with gpg-agent unlocked',
  }
  return new PipelineError({
    code: 'sign-key-unusable',
    message: `${programs[kind]} cannot sign with the key from ${place}.`,
    hint: hints[kind],
    exitCode: exitCodes.missing,
    details,
  })
}

export function trustedKeyUnreadable(place: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'trusted-key-unreadable',
    message: `${place} is no public key: ${problem}.`,
    hint: 'give a .pub file of ssh-keygen, an allowed_signers file, or an armoured OpenPGP public key',
    exitCode: exitCodes.usage,
  })
}

/** @param what URL or key of the document, or SHA256SUMS of a release */
export function signatureWrong(what: string): PipelineError {
  return new PipelineError({
    code: 'signature-wrong',
    message: `The signature of ${what} does not fit: it was changed, or signed by a key that is not trusted here.`,
    hint: 'do not use it; ask the publisher, and compare the key given with --key or in keys/',
    exitCode: exitCodes.verification,
  })
}

export function signatureMissing(what: string, hint: string): PipelineError {
  return new PipelineError({ code: 'signature-missing', message: `${what} is not signed.`, hint, exitCode: exitCodes.verification })
}

/** A document of the tree that cannot be what it says. @param problems `path: problem` */
export function documentWrong(what: string, problems: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'document-wrong',
    message: `${what} is not what a published tree holds.`,
    hint: 'check the address; if it is right, tell the publisher',
    exitCode: exitCodes.verification,
    details: problems,
  })
}
