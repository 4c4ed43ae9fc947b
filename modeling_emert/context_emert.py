"""What may be known of a recording besides what was recorded: the participant's personality, the stimulus's own emotion.

The network takes neither unless its config says so: work on felt and perceived emotion gains from both, and both can give
the label away (a clip that is meant to amuse amuses), so a score with them is no score of reading eyes and faces.
"""

# The questionnaire's five numbers in the usual order, each as a share of its scale, 0..1.
BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
BIG_FIVE_RANGE = (0.0, 1.0)

# What the stimulus is meant to show or to cause, one of `tasks_emert.EMOTIONS`.
STIMULUS_EMOTION = "stimulus_emotion"

CONTEXT_COLUMNS = (*BIG_FIVE, STIMULUS_EMOTION)
