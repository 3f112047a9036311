import { gql, type TypedDocumentNode } from '@apollo/client'

export interface Note {
  readonly __typename?: 'Note'
  readonly id: number
  readonly text: string
  readonly createdAt: string
}

export const allNotes: TypedDocumentNode<{ notes: Note[] }, Record<string, never>> = gql`
  query Notes { notes { id text createdAt } }
`
export const liveNotes: TypedDocumentNode<{ notes: Note[] }, Record<string, never>> = gql`
  subscription LiveNotes { notes { id text createdAt } }
`
export const addNote: TypedDocumentNode<{ addNote: Note }, { text: string }> = gql`
  mutation AddNote($text: String!) { addNote(text: $text) { id text createdAt } }
`
export const removeNote: TypedDocumentNode<{ removeNote: boolean }, { id: number }> = gql`
  mutation RemoveNote($id: Int!) { removeNote(id: $id) }
`
