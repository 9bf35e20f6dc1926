"""The local stand-in for a writer Space: a real Gradio app that drafts by extraction, without a model."""
