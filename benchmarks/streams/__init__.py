"""Many streams at once: does the gateway hold them, and does its memory stay where it is?"""
