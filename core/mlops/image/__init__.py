"""The image of a pipeline's containers: what goes into it, how it is built, and how it gets into Snowflake's repository."""
