"""The semantic cache's judgement, measured on pairs and streams with known answers; and how it is trained."""
